// The pages of timelines in a real browser: each opened from disk, without a network, and gone through by keyboard.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(process.env.MODULES);
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const folder = process.argv[2];
const lab = process.env.LAB;
const shots = process.env.SHOTS;
if (shots) mkdirSync(shots, { recursive: true });

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
});

const counts = { passed: 0, failed: 0, ignored: 0, again: 0 };
async function test(name, body) {
  // As with cargo test: a part of the names.
  if (!name.includes(process.argv[3] ?? '')) return;
  // A browser on a busy machine misses a deadline now and then: what fails runs once more, and is counted.
  for (const is_last of [false, true]) {
    try {
      const skipped = await body();
      counts[skipped ? 'ignored' : 'passed']++;
      console.log(`test ${name} ... ${skipped ? `ignored, ${skipped}` : 'ok'}`);
      return;
    } catch (error) {
      counts[is_last ? 'failed' : 'again']++;
      console.log(`test ${name} ... ${is_last ? 'FAILED' : 'failed, and runs again'}\n${error.stack}`);
    }
  }
}

/** Opens a page, and fails if it says or asks anything. */
async function open(path, { width = 1280, scheme = 'light', hash = '', offline = true, ...more } = {}) {
  const context = await browser.newContext({
    viewport: { width, height: width < 500 ? 812 : 800 }, colorScheme: scheme, reducedMotion: 'reduce', ...more,
  });
  await context.setOffline(offline);
  const page = await context.newPage();
  const said = [];
  page.on('console', (message) => said.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => said.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => { said.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', (request) => { if (!request.isNavigationRequest()) said.push(`request: ${request.url()}`); });
  await page.goto(pathToFileURL(path).href + hash);
  return {
    page, said,
    async close() {
      await context.close();
      assert.deepEqual(said, [], 'the page says and asks nothing');
    },
  };
}

const shown = (page) => page.evaluate(() => {
  const text = (selector) => document.querySelector(selector)?.textContent;
  return {
    head: text('.panel h2'), label: text('.panel .label'), says: text('.panel .sentence'), count: text('#count'),
    facts: [...document.querySelectorAll('.panel ul .sure + strong')].map((name) => name.textContent),
    why: text('.panel p .sure + strong'),
    states: ['client', 'server'].map((side) => text(`[data-state="${side}"]`)),
    here: Number(document.querySelector('#drawing .here')?.dataset.index),
    hash: location.hash,
  };
});

const lines = (text) => text.trim().split('\n');
const show = (what, format) => execFileSync(lab, ['show', what, '--format', format], { maxBuffer: 1 << 30 });
const json = (what) => JSON.parse(show(what, 'json'));
function made(name, what, ...more) {
  const path = join(folder, `${name}.html`);
  execFileSync(lab, ['show', what, '--format', 'html', '-o', path, ...more]);
  return path;
}

/** Shows all kinds of events. */
async function showAll(page) {
  await page.keyboard.press('f');
  for (const box of await page.locator('#kinds input').all()) await box.check();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Home');
}

/** What a step has to say of an event. */
function expected(event) {
  switch (event.kind) {
    case 'packet': return `${event.flags} seq ${event.seq}`;
    case 'call': return `${event.name}(`;
    case 'process': return event.what === 'settled' ? 'the run ends' : event.line ?? (event.what === 'exited' ? `process ${event.pid} ended` : `process ${event.pid} `);
    default: return event.call ? `${event.call.name}(` : DONE[event.what];
  }
}

const DONE = {
  connected: 'connect', sent: 'send "', received: 'recv "', 'end-of-file': 'recv ""', 'shutdown-write': 'shutdown(', closed: 'close',
  reset: 'close (', failed: 'failed: ', 'gave-up': '', called: '',
};

async function sameAsJson(page, timeline) {
  const events = timeline.events.filter((event) => event.kind !== 'state');
  await showAll(page);
  let [at, states, last] = [0, 0, null];
  const frames = new Set();
  for (;;) {
    await page.keyboard.press('ArrowRight');
    const now = await shown(page);
    if (now.hash === last?.hash) break;
    assert.ok(now.here >= 0, `the step ${now.label} is in sight`);
    const frame = /frame (\d+)/.exec(now.head);
    if (frame) frames.add(Number(frame[1]));
    const event = events[at];
    const isEvent = event && now.label.startsWith(expected(event)) && (event.frame === null ? !frame : Number(frame?.[1]) === event.frame);
    if (!isEvent) {
      // A state stands where it was reached, and no event of the JSON does.
      assert.match(now.says, /socket is/, `${now.label} stands for ${JSON.stringify(event)}`);
      states++;
    } else {
      at++;
      if (event.kind === 'packet') {
        assert.match(now.label, event.flags.includes('ACK') ? new RegExp(` ack ${event.ack}`) : /^(?!.* ack )/);
        assert.equal(/ len (\d+)/.exec(now.label)?.[1] ?? '0', String(event.len));
        assert.ok(now.label.includes(event.data), `${now.label} has ${event.data}`);
        assert.deepEqual(now.facts, event.facts, now.label);
        assert.equal(now.why ?? 'unknown', event.why.what, now.label);
        assert.ok(now.says, `${now.label} has a sentence`);
      }
    }
    last = now;
  }
  assert.equal(at, events.length, 'every event has its step');
  assert.ok(states > 0);
  const [connection] = timeline.connections;
  assert.deepEqual(last.states.map((state) => (state === 'closed' ? null : state)), [connection.client_left, connection.server_left]);
  for (const event of events.filter((each) => each.frame)) assert.ok(frames.has(event.frame), `frame ${event.frame}`);
  // And all the way back.
  for (let step = at + states; step > 0; step--) await page.keyboard.press('ArrowLeft');
  assert.equal((await shown(page)).count, 'overview');
}

const captures = readdirSync('captures').filter((name) => name.endsWith('.pcapng')).map((name) => name.replace('.pcapng', ''));
const step1 = 'step1-two-writes';
const pages = Object.fromEntries(captures.map((name) => [name, made(name, `captures/${name}.pcapng`)]));

// A page has the steps of one connection in their order; of several it has an overview first.
const one = captures.filter((name) => json(`captures/${name}.pcapng`).connections.length === 1);
assert.ok(one.length > 10);
for (const name of one) {
  await test(`each event of ${name}, by keyboard, is as in its JSON`, async () => {
    const { page, close } = await open(pages[name]);
    await sameAsJson(page, json(`captures/${name}.pcapng`));
    await close();
  });
}

for (const width of [375, 1280]) {
  for (const scheme of ['light', 'dark']) {
    for (const name of [step1, 'wire-lost-segment']) {
      await test(`${name} at ${width} pixels, ${scheme}: nothing sticks out, and axe has no complaint`, async () => {
        // axe is put into the page, which the page's own policy forbids.
        const { page, close } = await open(pages[name], { width, scheme, hash: '#frame=12', bypassCSP: true });
        await page.evaluate(axe);
        for (const keys of [[], ['b'], ['Escape', 't'], ['q'], ['q', 'Home'], ['?'], ['Escape', 'f']]) {
          for (const pressed of keys) await page.keyboard.press(pressed);
          const wide = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
          assert.ok(wide[0] <= wide[1], `${wide[0]} pixels in ${wide[1]}`);
          const { violations } = await page.evaluate(() => globalThis.axe.run());
          assert.deepEqual(violations.map((found) => `${found.id}: ${found.nodes.map((node) => node.html.slice(0, 200)).join(' | ')}`), [], `after ${keys}`);
          assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
          if (shots) await page.screenshot({ path: join(shots, `${name}-${width}-${scheme}-${keys.join('') || 'start'}.png`) });
        }
        await close();
      });
    }
  }
}

/** The texts of the page of which a part is hidden by something else, or stands on another text. */
const hidden = (page) => page.evaluate(() => {
  const clip = (rect, box) => {
    const [left, top] = [Math.max(rect.left, box.left), Math.max(rect.top, box.top)];
    return { left, top, right: Math.min(rect.right, box.right), bottom: Math.min(rect.bottom, box.bottom) };
  };
  const size = (rect) => Math.max(rect.right - rect.left, 0) * Math.max(rect.bottom - rect.top, 0);
  const found = [];
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const owner = node.parentElement;
    if (!node.data.trim() || owner.closest('script, style, noscript, title, .hidden, .skip, select, svg') || !owner.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (let rect of range.getClientRects()) {
      rect = clip(rect, { left: 0, top: 0, right: innerWidth, bottom: innerHeight });
      // What is scrolled away is not hidden: it can be scrolled to.
      for (let box = owner; box; box = box.parentElement) {
        if (getComputedStyle(box).overflowY !== 'visible') rect = clip(rect, box.getBoundingClientRect());
      }
      if (rect.right - rect.left < 2 || rect.bottom - rect.top < 4) continue;
      texts.push({ owner, rect, words: node.data.trim().slice(0, 40) });
    }
  }
  for (const { owner, rect, words } of texts) {
    // Three points of each line: whatever stands there is the text itself.
    const middle = (rect.left + rect.right) / 2;
    for (const x of [Math.min(rect.left + 3, middle), middle, Math.max(rect.right - 3, middle)]) {
      const over = document.elementFromPoint(x, (rect.top + rect.bottom) / 2);
      if (over && !over.contains(owner) && !owner.contains(over)) found.push(`${words} is hidden by ${over.className || over.id || over.tagName}`);
    }
  }
  const [meaning, panel] = ['meaning', 'panel'].map((id) => document.getElementById(id).getBoundingClientRect());
  for (const { owner, rect, words } of texts) {
    if (!owner.closest('#meaning') && size(clip(rect, meaning)) > 1) found.push(`${words} lies under the meaning`);
  }
  if (panel.height < 60) found.push(`the panel has ${panel.height} pixels`);
  return [...new Set(found)];
});

for (const width of [375, 800, 1280]) {
  await test(`at ${width} pixels no text of the page is hidden, and the meaning of a byte stands beside it`, async () => {
    for (const [name, frames] of [[step1, [2, 6, 10, 22, 27]], ['wire-lost-segment', [2, 12, 19]], ['step3-clean-close', [22, 25]]]) {
      for (const frame of frames) {
        const { page, close } = await open(pages[name], { width, hash: `#frame=${frame}` });
        const at = `${name}, frame ${frame}`;
        assert.deepEqual(await hidden(page), [], at);
        assert.equal(await page.isVisible('#meaning'), false, 'a box without a meaning takes no room');
        const bytes = await page.locator('.hex').count();
        await page.keyboard.press('b');
        for (let byte = 0; bytes && byte < 60; byte += 12) {
          assert.deepEqual(await hidden(page), [], `${at}, byte ${byte}`);
          assert.ok(await page.isVisible('#meaning'));
          for (let step = 0; step < 12; step++) await page.keyboard.press('ArrowRight');
        }
        for (const button of bytes ? (await page.locator('.fields button').all()).filter((_, place) => place % 9 === 0) : []) {
          await button.focus();
          assert.deepEqual(await hidden(page), [], `${at}, a field`);
          const seen = await button.evaluate((element) => [element.getBoundingClientRect().bottom, document.getElementById('panel').getBoundingClientRect().bottom]);
          assert.ok(seen[0] <= seen[1] + 1, `${at}: the field is in sight, above its meaning: ${seen}`);
        }
        if (shots && frame === 22) await page.screenshot({ path: join(shots, `meaning-${width}.png`) });
        await close();
      }
    }
  });

  await test(`at ${width} pixels a page opens with a sentence, the picture whole, and the first step`, async () => {
    for (const name of [step1, 'step3-clean-close', 'wire-lost-segment']) {
      const { page, close } = await open(pages[name], { width });
      const opens = await page.evaluate(() => {
        const scroll = document.getElementById('scroll');
        const rows = [...document.querySelectorAll('#drawing .row')];
        const visible = scroll.getBoundingClientRect();
        return {
          whole: scroll.scrollHeight - scroll.clientHeight, rows: rows.length, max: Number(document.querySelector('#place').max),
          low: Math.max(...rows.map((row) => row.getBoundingClientRect().bottom)) - visible.bottom,
          sentence: document.querySelector('.panel .sentence').textContent,
          first: document.querySelector('.panel .begin a')?.hash, above: document.querySelector('.panel .begin').getBoundingClientRect().top,
          text: document.querySelector('.panel').textContent,
        };
      });
      assert.match(opens.sentence, /^Client and server send \d+ packets in \d+ ms: [^.]+( \d+)?\.$/);
      assert.equal(opens.rows, opens.max, `${name}: each event is there`);
      assert.ok(opens.low <= 1, `${name}: ${opens.low} pixels of events are below`);
      assert.match(opens.first, /^#(frame|event)=/);
      assert.ok(opens.above < 800);
      // A rule is called by its name behind the words.
      assert.doesNotMatch(opens.text.slice(0, opens.text.indexOf('What to look at') + 80), /split-reply|close-wait-leak|nagle-stall/);
      assert.deepEqual(await hidden(page), [], name);
      await page.keyboard.press('ArrowRight');
      assert.equal((await shown(page)).hash, opens.first, 'and the next key takes the first step');
      await close();
    }
  });

  await test(`at ${width} pixels each call has its result`, async () => {
    const { page, close } = await open(pages[step1], { width, hash: '#frame=10' });
    for (const frame of [1, 8, 9, 10, 17, 20, 26]) {
      await page.evaluate((frame) => { location.hash = `#frame=${frame}`; }, frame);
      await page.waitForFunction((frame) => document.querySelector('.panel h2').textContent.startsWith(`frame ${frame},`), frame);
      const words = await page.evaluate(() => [...document.querySelectorAll('#drawing .here text.halo')].map((text) => text.textContent));
      const { label } = await shown(page);
      assert.ok(words.some((text) => text.endsWith(/ = -?\d+$/.exec(label)[0])), `${label} is drawn as ${words}`);
    }
    await close();
  });
}

for (const width of [375, 1280]) {
  await test(`at ${width} pixels no time is cut off, and none stands on what is beside it`, async () => {
    for (const name of ['full-house', 'stuck-reader-step6', 'gone-while-idle-step8', step1]) {
      const { page, close } = await open(pages[name], { width });
      for (const keys of [[], ['ArrowRight'], ['End']]) {
        for (const pressed of keys) await page.keyboard.press(pressed);
        const wrong = await page.evaluate(() => {
          const left = document.getElementById('scroll').getBoundingClientRect().left;
          const rows = [...document.querySelectorAll('#drawing g')].filter((row) => row.querySelector('.time'));
          const box = (element) => element.getBoundingClientRect();
          const next = (row) => Math.min(...[...row.querySelectorAll('.number, .halo, .pill, .band')].filter((each) => each.textContent || !each.closest('text')).map((each) => box(each).left));
          const isWrong = (row) => box(row.querySelector('.time')).left < left - 0.5 || box(row.querySelector('.time')).right > next(row);
          return rows.filter(isWrong).map((row) => row.textContent);
        });
        assert.deepEqual(wrong, [], `${name}, after ${keys}`);
      }
      await close();
    }
  });
}

await test('the overview says which of several connections is drawn', async () => {
  const { page, close } = await open(pages['http-clients']);
  const told = () => page.locator('.panel .drawn').textContent();
  const all = json('captures/http-clients.pcapng').connections;
  assert.match(await told(), new RegExp(`^Connection 1 of ${all.length} is drawn, that of client ${all[0].client}`));
  await page.keyboard.press('f');
  await page.selectOption('#connection', '2');
  assert.match(await told(), new RegExp(`^Connection 3 of ${all.length} is drawn, that of client ${all[2].client}`));
  await page.selectOption('#connection', 'all');
  assert.match(await told(), new RegExp(`^All ${all.length} connections are drawn`));
  await close();
  const single = await open(pages[step1]);
  assert.equal(await single.page.locator('.panel .drawn').count(), 0, 'of one there is no choice');
  await single.close();
});

await test('a link names a frame, and steps make links', async () => {
  const { page, close } = await open(pages[step1], { hash: '#frame=22' });
  assert.match((await shown(page)).head, /^frame 22,/);
  assert.match((await shown(page)).says, /Nagle/);
  await page.keyboard.press('ArrowLeft');
  assert.equal((await shown(page)).hash, '#frame=21');
  await page.evaluate(() => { location.hash = '#frame=5'; });
  await page.waitForFunction(() => document.querySelector('.panel h2').textContent.startsWith('frame 5,'));
  await close();
});

await test('what belongs together is marked together', async () => {
  const { page, close } = await open(pages[step1], { hash: '#frame=22' });
  const near = () => page.evaluate(() => [...document.querySelectorAll('#drawing text.number')].filter((text) => text.parentNode.classList.contains('near')).map((text) => Number(text.textContent)));
  // Its write, the ACK that let it go, and the ACK for it.
  assert.deepEqual(await near(), [20, 21, 23]);
  await page.evaluate(() => { location.hash = '#frame=20'; });
  await page.waitForFunction(() => document.querySelector('.panel h2').textContent.startsWith('frame 20,'));
  assert.ok((await near()).includes(22), 'the write marks the segment that was held back');
  await close();
});

await test('what has not been asked for is not there', async () => {
  const { page, close } = await open(pages[step1], { hash: '#frame=19' });
  await page.keyboard.press('q');
  const drawn = () => page.evaluate(() => [...document.querySelectorAll('#drawing [data-index]')].map((row) => Number(row.dataset.index)));
  for (let step = 0; step < 6; step++) {
    const { here } = await shown(page);
    assert.ok(Math.max(...await drawn()) <= here, 'nothing is drawn of what comes');
    const links = await page.evaluate(() => [...document.querySelectorAll('.panel a[href^="#frame="]')].map((link) => Number(link.hash.slice(7))));
    const frame = Number(/frame=(\d+)/.exec((await shown(page)).hash)?.[1] ?? 0);
    assert.ok(!frame || links.every((link) => link <= frame), `${links} from ${frame}`);
    assert.match(await page.textContent('.ask'), /next\?|now\?/);
    await page.keyboard.press('Space');
    assert.ok((await shown(page)).here > here);
  }
  await page.keyboard.press('Home');
  assert.ok(!(await page.textContent('.panel')).includes('nagle-stall'), 'the overview tells no findings');
  await page.keyboard.press('q');
  assert.ok((await page.textContent('.panel')).includes('nagle-stall'));
  await close();
});

await test('a field marks its bytes, and a byte its field, by keyboard', async () => {
  const { page, close } = await open(pages[step1], { hash: '#frame=2' });
  await page.keyboard.press('b');
  const lit = () => page.evaluate(() => ({
    bytes: [...document.querySelectorAll('.hex button')].flatMap((byte, at) => (byte.classList.contains('on') ? [at] : [])),
    fields: [...document.querySelectorAll('.fields button.on > span:first-child')].map((name) => name.textContent),
    meaning: document.querySelector('.meaning').textContent, frame: document.querySelector('.panel h2').textContent,
  }));
  assert.deepEqual((await lit()).fields, ['Destination']);
  for (let at = 0; at < 38; at++) await page.keyboard.press('ArrowRight');
  assert.deepEqual((await lit()).bytes, [38, 39, 40, 41]);
  assert.match((await lit()).meaning, /^TCP Sequence Number \d+ \(relative 0\)\. .*RFC 9293, section 3\.1$/);
  assert.match((await lit()).frame, /^frame 2,/, 'arrows within the bytes go to no other event');
  for (let at = 0; at < 9; at++) await page.keyboard.press('ArrowRight');
  assert.deepEqual((await lit()).fields, ['CWR', 'ECE', 'URG', 'ACK', 'PSH', 'RST', 'SYN', 'FIN'], 'the bits of a byte');
  while (!(await page.evaluate(() => document.activeElement.closest('.fields')))) await page.keyboard.press('Tab');
  while ((await lit()).fields[0] !== 'Maximum Segment Size') await page.keyboard.press('ArrowDown');
  assert.deepEqual((await lit()).bytes, [56, 57]);
  await page.keyboard.press('Escape');
  await page.keyboard.press('ArrowRight');
  assert.match((await lit()).frame, /^frame 3,/);
  await close();
});

await test('all controls are reached by Tab alone', async () => {
  const { page, close } = await open(pages[step1], { hash: '#frame=2' });
  const wanted = new Set(await page.evaluate(() => [...document.querySelectorAll('header input, header button, header summary, #scroll, .zoom button:not([hidden]), .steps button, .steps input')].filter((element) => element.checkVisibility() && !element.disabled).map((element) => element.id || element.textContent)));
  for (let at = 0; at < 60; at++) {
    await page.keyboard.press('Tab');
    wanted.delete(await page.evaluate(() => document.activeElement.id || document.activeElement.textContent));
  }
  assert.deepEqual([...wanted], []);
  await close();
});

await test('search and filters', async () => {
  const { page, close } = await open(pages[step1]);
  await page.keyboard.press('/');
  await page.keyboard.type('nagle');
  assert.match(await page.textContent('#found'), /^[1-9]\d* found$/);
  await page.keyboard.press('Enter');
  assert.match((await shown(page)).says + (await shown(page)).why, /[Nn]agle/);
  await page.keyboard.press('Escape');
  await page.keyboard.press('f');
  for (const kind of ['call', 'action', 'state', 'process']) await page.uncheck(`#show-${kind}`);
  await page.uncheck('#show-server');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Home');
  let steps = 0;
  for (let hash = null; ; steps++) {
    await page.keyboard.press('ArrowRight');
    const now = await shown(page);
    if (now.hash === hash) break;
    hash = now.hash;
    assert.match(now.head, /client to server/);
  }
  const packets = json(`captures/${step1}.pcapng`).events.filter((event) => event.kind === 'packet' && event.from === 'client');
  assert.equal(steps, packets.length);
  await close();
});

await test('true time: a fold opens, and what waits longer is longer', async () => {
  const { page, close } = await open(pages[step1], { hash: '#frame=21' });
  await page.keyboard.press('t');
  const height = () => page.evaluate(() => document.querySelector('#space').offsetHeight);
  const closed = await height();
  await page.keyboard.press('o');
  assert.ok(await height() > closed + 100, 'the fold opens');
  await page.keyboard.press('o');
  assert.equal(await height(), closed);
  await page.keyboard.press(']');
  assert.ok(await height() > closed);
  await close();
});

await test('numbers as they are on the wire', async () => {
  const { page, close } = await open(pages[step1], { hash: '#frame=6' });
  await page.keyboard.press('a');
  const { label } = await shown(page);
  const field = await page.evaluate(() => [...document.querySelectorAll('.fields button')].find((button) => button.textContent.startsWith('Sequence Number')).querySelector('.value').textContent);
  assert.equal(/seq (\d+)/.exec(label)[1], /^\d+/.exec(field)[0]);
  await close();
});

await test('the policy forbids what the page does not need', async () => {
  // Somebody who would answer, and counts who asks.
  let asked = 0;
  const listener = createServer((socket) => { asked++; socket.destroy(); });
  await new Promise((done) => listener.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${listener.address().port}/`;
  const { page } = await open(pages[step1], { offline: false });
  const refused = await page.evaluate(async (url) => {
    const found = [];
    document.addEventListener('securitypolicyviolation', (event) => found.push(event.effectiveDirective));
    await fetch(url).catch(() => {});
    const image = document.createElement('img');
    image.src = url;
    const script = document.createElement('script');
    try { script.textContent = 'globalThis.ran = 1'; } catch { found.push('trusted types'); }
    const style = document.createElement('style');
    style.textContent = 'body { display: none }';
    document.body.append(image, style);
    // All violations are reported by then, and what is not forbidden would be done.
    for (let wait = 0; wait < 200 && (wait < 2 || found.length < 4); wait++) await new Promise((done) => setTimeout(done, 50));
    return { found, ran: globalThis.ran, hidden: getComputedStyle(document.body).display };
  }, url);
  for (const directive of ['connect-src', 'img-src', 'style-src-elem']) assert.ok(refused.found.includes(directive), `${directive} in ${refused.found}`);
  assert.ok(refused.found.includes('trusted types') || refused.found.includes('require-trusted-types-for'), `${refused.found}`);
  assert.equal(refused.ran, undefined);
  assert.notEqual(refused.hidden, 'none');
  assert.equal(asked, 0, 'what is forbidden is not asked for');
  await page.context().close();
  listener.close();
});

await test('print has every event, and no buttons', async () => {
  const { page, close } = await open(pages[step1]);
  const printed = await page.evaluate(() => {
    dispatchEvent(new Event('beforeprint'));
    return new Set([...document.querySelectorAll('#drawing [data-index]')].map((row) => row.dataset.index)).size;
  });
  assert.equal(String(printed), await page.getAttribute('#place', 'max'));
  await page.emulateMedia({ media: 'print' });
  assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('.tools')).display), 'none');
  const pdf = await page.pdf({ format: 'A4' });
  assert.ok(pdf.length > 10_000);
  if (shots) writeFileSync(join(shots, 'step1.pdf'), pdf);
  await close();
});

await test('the book on a telephone has both halves of its lanes, and what is wider scrolls', async () => {
  const book = join('target', 'book', 'html');
  if (!existsSync(book)) return 'the book was not made: .ci/book';
  const context = await browser.newContext({ viewport: { width: 375, height: 812 } });
  const page = await context.newPage();
  let lanes = 0;
  for (const name of ['step1-two-writes', 'step3-clean-close', 'wire', 'reading-a-trace', 'findings']) {
    await page.goto(pathToFileURL(join(book, `${name}.html`)).href);
    const found = await page.evaluate(() => [...document.querySelectorAll('.content pre > code, .content .table-wrapper')].map((box) => ({
      lanes: box.matches('.language-text') && box.textContent.includes('╷'), over: box.scrollWidth - box.clientWidth,
      scrolls: getComputedStyle(box).overflowX === 'auto', right: box.getBoundingClientRect().right,
    })));
    lanes += found.filter((box) => box.lanes).length;
    for (const box of found) {
      assert.ok(box.right <= 376 && (box.over <= 0 || (box.scrolls && !box.lanes)), `${name}: ${JSON.stringify(box)}`);
    }
  }
  assert.ok(lanes > 3);
  await context.close();
});

// What means harm, in each place that a stranger may fill.
const EVIL = '</script></title><img src=x onerror=globalThis.harm=1><script>globalThis.harm=1</script><svg onload=globalThis.harm=1>';
const MARKS = '\u202e\u2066\u200f\u001b[31m\u0007\u009b';

async function harmless(path) {
  const { page, close } = await open(path);
  if (path.endsWith('.html')) {
    await showAll(page);
    let hash = null;
    for (;;) {
      await page.keyboard.press('ArrowRight');
      const now = await shown(page);
      if (now.hash === hash) break;
      hash = now.hash;
    }
    assert.equal(await page.evaluate(() => document.querySelectorAll('script').length), 2);
  }
  const found = await page.evaluate(() => ({
    harm: globalThis.harm, elements: document.querySelectorAll('img, iframe, object, embed, [onerror], [onload], foreignObject').length,
  }));
  assert.deepEqual(found, { harm: undefined, elements: 0 });
  const text = await page.evaluate(() => document.documentElement.textContent);
  // eslint-disable-next-line no-control-regex
  const live = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/.exec(text);
  assert.equal(live, null, `${JSON.stringify(text.slice(Math.max((live?.index ?? 0) - 40, 0), (live?.index ?? 0) + 20))}`);
  await close();
}

await test('a hostile name and comment are shown and do nothing', async () => {
  const commented = join(folder, 'commented.pcapng');
  const said = spawnSync('editcap', ['-a', `2:${EVIL}${MARKS}`, '-a', `6:${EVIL}`, `captures/${step1}.pcapng`, commented]);
  if (said.status !== 0) return `editcap cannot write comments: ${said.stderr ?? said.error}`;
  const evil = join(folder, `${EVIL.replaceAll('/', '_').slice(0, 160)}${MARKS}.pcapng`);
  copyFileSync(commented, evil);
  const page = join(folder, 'hostile.html');
  execFileSync(lab, ['show', evil, '--format', 'html', '-o', page]);
  assert.ok(readFileSync(page, 'utf8').includes('onerror'), 'it is shown');
  await harmless(page);
  for (const format of ['text', 'markdown']) {
    const text = show(evil, format).toString();
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/, format);
    if (format === 'markdown') assert.doesNotMatch(text.replace(/`+[^`]*`+/g, ''), /<(img|script|svg)/, 'HTML stands in code alone');
  }
  if (execFileSync(lab, ['show', '--help']).toString().includes('- svg')) {
    const picture = join(folder, 'hostile.svg');
    execFileSync(lab, ['show', evil, '--format', 'svg', '-o', picture]);
    await harmless(picture);
  }
});

await test('a hostile payload and process output are shown and do nothing', async () => {
  const page = join(folder, 'hostile-run.html');
  const server = join(folder, 'server.py');
  writeFileSync(server, `
import socket, sys
evil = ${JSON.stringify(EVIL)}.encode() + ${JSON.stringify(MARKS)}.encode() + b"\\xff\\xfe\\xc3(\\n"
listener = socket.create_server(("127.0.0.1", 3000))
while True:
    client, _ = listener.accept()
    while client.recv(4096):
        sys.stdout.buffer.write(evil); sys.stdout.buffer.flush()
        client.sendall(evil)
    client.close()
`);
  const traced = spawnSync(lab, ['trace', '--send', `${EVIL}\\xff\\x1b[2J\\n`, '--format', 'html', '--log', '-o', page, '--', 'python3', server]);
  if (traced.status !== 0) return `a server cannot be traced here: ${traced.stderr}`;
  const text = readFileSync(page, 'utf8');
  assert.ok(text.includes('stdout'), 'its output is in the page');
  await harmless(page);
});

await test('ten thousand events: a step takes less than 50 ms', async () => {
  const path = join(folder, 'long.html');
  const sends = Array.from({ length: 1700 }, (_, number) => ['--send', `line ${number}\\n`]);
  const traced = spawnSync(lab, ['trace', 'step2', ...sends.flat(), '--format', 'html', '-o', path], { timeout: 100_000 });
  if (traced.status !== 0 || !existsSync(path)) return `a server cannot be traced here: ${traced.stderr}`;
  const { page, close } = await open(path);
  const measured = await page.evaluate(async () => {
    const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
    const events = Number(document.querySelector('#place').max);
    const [work, painted] = [[], []];
    const press = async (key) => {
      const began = performance.now();
      document.querySelector('#scroll').dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
      document.querySelector('#drawing').getBoundingClientRect();
      work.push(performance.now() - began);
      await frame();
      painted.push(performance.now() - began);
    };
    for (let step = 0; step < 150; step++) await press('ArrowRight');
    for (let step = 0; step < 100; step++) await press('PageDown');
    await press('End');
    for (let step = 0; step < 50; step++) await press('ArrowLeft');
    const middle = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
    return { events, work: middle(work), most: Math.max(...work), painted: middle(painted) };
  });
  assert.ok(measured.events >= 10_000, `${measured.events} events`);
  const ms = (number) => number.toFixed(1);
  console.log(`${measured.events} events: a step takes ${ms(measured.work)} ms (median; ${ms(measured.most)} at most), ${ms(measured.painted)} until it is painted; the page has ${Math.round(readFileSync(path).length / 1000)} kB`);
  // A busy machine may be five times as slow.
  assert.ok(measured.work < 250, `${ms(measured.work)} ms`);
  await close();
});

/** Runs a step that a browser may watch, and gives its page's address; none where that cannot be. */
async function watched(step) {
  const running = spawn(lab, ['live', step], { env: { ...process.env, SHELL: '/bin/bash' } });
  let text = '';
  running.stderr.on('data', (more) => { text += more; });
  const ended = new Promise((done) => running.on('exit', done));
  const address = await new Promise((done) => {
    const look = setInterval(() => {
      const found = /http:\/\/\S+/.exec(text);
      if (!found && running.exitCode === null) return;
      clearInterval(look);
      done(found?.[0]);
    }, 20);
  });
  return { running, said: () => text, ended, address };
}

await test('a live page grows while a server is talked to, and who joins late gets the whole story', async () => {
  const { running, said, ended, address } = await watched('step1');
  if (!address) return `a server cannot be watched here: ${said()}`;
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const wrong = [];
  const visit = async () => {
    const page = await context.newPage();
    page.on('console', (message) => wrong.push(message.text()));
    page.on('pageerror', (error) => wrong.push(error.message));
    page.on('request', (request) => { if (!request.url().startsWith(address)) wrong.push(request.url()); });
    await page.goto(address);
    return page;
  };
  const early = await visit();
  const talk = (line) => running.stdin.write(`echo '${line}' >&3; read -r answer <&3\n`);
  const sees = (page, text) => page.waitForFunction((text) => {
    const drawn = document.querySelector('#drawing').textContent;
    return drawn.includes(text);
  }, text, { timeout: 20_000 });
  running.stdin.write('exec 3<>/dev/tcp/127.0.0.1/3000\n');
  await sees(early, 'SYN,ACK');
  talk('<b>first</b>');
  await sees(early, 'first');
  // Whoever looks at an earlier event, or at the overview, stays there.
  const late = await visit();
  await sees(late, 'first');
  for (const [key, said] of [['Home', 'second'], ['ArrowRight', 'third']]) {
    await early.keyboard.press(key);
    const place = async () => { const { head, label } = await shown(early); return { head, label }; };
    const before = await place();
    talk(said);
    await sees(late, said);
    const events = await late.evaluate(() => document.querySelector('#place').max);
    await early.waitForFunction((events) => Number(document.querySelector('#place').max) >= Number(events), events, { timeout: 20_000 });
    assert.deepEqual(await place(), before);
  }
  await early.keyboard.press('End');
  await sees(early, 'third');
  // A page that is loaded again is where it was, and one that is saved has all there was by then.
  await late.goto(`${address}#frame=3`);
  await late.reload();
  await late.waitForFunction(() => document.querySelector('#count').textContent.startsWith('event 3 of '), null, { timeout: 20_000 });
  await sees(late, 'third');
  const most = (page) => page.evaluate(() => Number(document.querySelector('#place').max));
  const before = await most(late);
  const [saved] = await Promise.all([late.waitForEvent('download'), late.click('#save')]);
  const after = await most(late);
  assert.equal(saved.suggestedFilename(), 'step1.html');
  await saved.saveAs(join(folder, 'saved.html'));
  const kept = await context.newPage();
  kept.on('pageerror', (error) => wrong.push(error.message));
  await kept.goto(`file://${join(folder, 'saved.html')}`);
  await sees(kept, 'third');
  const all = await most(kept);
  assert.ok(before <= all && all <= after, `saved between ${before} and ${after} events: ${all}`);
  await kept.close();
  await late.keyboard.press('End');
  running.stdin.end();
  for (const page of [early, late]) await page.waitForFunction(() => document.querySelector('#found').textContent === 'it has ended');
  assert.equal(await ended, 0, said());
  assert.equal((await shown(early)).count, (await shown(late)).count);
  assert.deepEqual(wrong, []);
  assert.equal(await early.evaluate(() => document.querySelectorAll('#drawing b').length), 0);
  await context.close();
});

await test('while a live page grows, the focus and what was scrolled stay where they were', async () => {
  const { running, said, ended, address } = await watched('step1');
  if (!address) return `a server cannot be watched here: ${said()}`;
  const page = await browser.newPage({ viewport: { width: 1280, height: 400 } });
  await page.goto(address);
  const events = () => page.evaluate(() => Number(document.querySelector('#place').max));
  const talk = async (words) => {
    const before = await events();
    running.stdin.write(words);
    await page.waitForFunction((before) => Number(document.querySelector('#place').max) > before, before, { timeout: 20_000 });
  };
  await talk('exec 3<>/dev/tcp/127.0.0.1/3000\n');
  const line = (text) => talk(`echo '${text}' >&3; read -r answer <&3\n`);
  await line('one');
  const here = () => page.evaluate(() => {
    const { id, hash, tagName } = document.activeElement;
    return { id, hash, tagName, top: document.querySelector('#panel').scrollTop };
  });
  // A box of the filters, the choice of a connection, a link in the overview that is scrolled to, and a button. The
  // overview is long once something was found.
  await page.keyboard.press('Home');
  await page.keyboard.press('f');
  await page.waitForFunction(() => document.querySelectorAll('#panel a').length > 1, null, { timeout: 20_000 });
  for (const [what, place] of [['a box', page.locator('#show-call')], ['a link', page.locator('#panel a').first()], ['a button', page.locator('#larger')]]) {
    await place.focus();
    await page.evaluate(() => { document.querySelector('#panel').scrollTop = 40; });
    const before = await here();
    assert.ok(before.top > 0 && before.tagName !== 'BODY', `${what}: ${JSON.stringify(before)}`);
    await line(what);
    assert.deepEqual(await here(), before, what);
  }
  running.stdin.write('exec 4<>/dev/tcp/127.0.0.1/3000\n');
  await page.waitForFunction(() => document.querySelector('#connection').length === 3, null, { timeout: 20_000 });
  await page.locator('#connection').focus();
  await line('a choice');
  assert.equal((await here()).id, 'connection');
  // Whoever follows the newest event, from the panel, is still there.
  await page.locator('#panel').focus();
  await page.keyboard.press('End');
  await line('the newest');
  assert.equal((await here()).id, 'panel');
  running.stdin.end();
  assert.equal(await ended, 0, said());
  await page.close();
});

await test('a live page says that lab does not answer, once it was killed', async () => {
  const { running, said, ended, address } = await watched('step3');
  if (!address) return `a server cannot be watched here: ${said()}`;
  const page = await browser.newPage();
  await page.goto(address);
  running.stdin.write('exec 3<>/dev/tcp/127.0.0.1/3000\n');
  await page.waitForFunction(() => document.querySelector('#drawing').textContent.includes('SYN,ACK'), null, { timeout: 20_000 });
  running.kill('SIGKILL');
  await ended;
  await page.waitForFunction(() => document.querySelector('#found').textContent.startsWith('lab does not answer'), null, { timeout: 20_000 });
  await page.close();
});

await test('slides: all is in sight on a projector, a trace goes on by keys, and the speaker has the minutes', async () => {
  const { page, close } = await open('target/slides.html', { viewport: { width: 1280, height: 720 } });
  const look = () => page.evaluate(() => {
    const slide = document.querySelector('section.here');
    const said = slide.querySelector('.said')?.textContent;
    return {
      title: slide.querySelector('h1').textContent.trim(), class: slide.className, said, hash: location.hash,
      // The rectangles of what has to be seen, within the slide's own.
      out: [...slide.querySelectorAll('h1, .lead, .said, .shown, .now')].filter((each) => {
        const { left, top, right, bottom } = each.getBoundingClientRect();
        return left < 0 || top < 0 || right > 1280 || bottom > 720;
      }).map((each) => each.textContent),
      wide: [...slide.querySelectorAll('.shown')].some((each) => each.scrollWidth > each.clientWidth),
      small: [...slide.querySelectorAll('.shown')].some((each) => parseFloat(getComputedStyle(each).fontSize) < 16)
        || [...slide.querySelectorAll('img')].some((each) => each.clientWidth < Math.min(1150, each.naturalWidth)),
      rows: [slide.querySelectorAll('.ahead').length, slide.querySelectorAll('.now').length],
      trace: slide.classList.contains('trace') && slide.querySelectorAll('.ahead').length,
    };
  });
  let [traces, frames, last] = [0, 0, ''];
  for (;;) {
    const now = await look();
    if (now.hash === last) break;
    last = now.hash;
    assert.deepEqual([now.out, now.wide, now.small], [[], false, false], `${now.hash} ${now.title}`);
    if (now.trace && now.rows[1] === 0) {
      traces++;
      const before = now.rows[0];
      await page.keyboard.press('ArrowRight');
      assert.deepEqual((await look()).rows, [before - 1, 1], now.title);
      continue;
    }
    if (now.said?.startsWith('Frame ')) frames++;
    await page.keyboard.press('ArrowRight');
  }
  assert.ok(traces > 15 && frames > 20, `${traces} traces, ${frames} frames`);
  await page.keyboard.press('Home');
  assert.equal((await look()).hash, '#1.0');
  await page.keyboard.press('1');
  assert.equal((await look()).title, 'Step 1: two writes');
  await page.keyboard.press('n');
  assert.match(await page.locator('#notes').innerText(), /25 minutes for a class/);
  while (!(await look()).title.startsWith('Exercise 2')) await page.keyboard.press('PageDown');
  assert.match(await page.locator('#notes').innerText(), /45 minutes, 5-11.*Say:.*What goes wrong:/s);
  await page.addScriptTag({ content: axe });
  const { violations } = await page.evaluate(() => axe.run());
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
  await close();
});

await browser.close();
const { passed, failed, ignored, again } = counts;
if (again) console.log(`re-runs: ${again}`);
console.log(`test result: ${failed ? 'FAILED' : 'ok'}. ${passed} passed; ${failed} failed; ${ignored} ignored; 0 measured; 0 filtered out`);
process.exit(failed ? 1 : 0);
