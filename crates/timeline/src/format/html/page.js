'use strict';
// Draws the scene that stands in the page, and goes through it event by event. It computes where things go, and
// nothing of what is so: that is in the data.
(() => {
  const $ = (id) => document.getElementById(id);
  /** The page as it came, for who saves it with what it was told. */
  const SOURCE = document.documentElement.outerHTML;
  const SVG = 'http://www.w3.org/2000/svg';

  /** An element with attributes and children; what is text stays text. */
  function made(space, name, attributes, children) {
    const element = space ? document.createElementNS(space, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
      else if (value !== undefined && value !== null && value !== false) element.setAttribute(key, value === true ? '' : value);
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
    return element;
  }
  const h = (name, attributes, ...children) => made(null, name, attributes, children);
  const s = (name, attributes, ...children) => made(SVG, name, attributes, children);
  const plural = (count, one) => `${count} ${one}${count === 1 ? '' : 's'}`;
  const other = (side) => (side === 'client' ? 'server' : 'client');
  const tenths = (ns) => (ns / 1e6).toFixed(1);
  /** As sentences and findings round it: one wait has one number. */
  const waited_ = (ns) => (ns < 1e6 ? tenths(ns) : Math.round(ns / 1e6));
  const milliseconds = (ns) => (ns / 1e6).toFixed(Math.abs(ns) < 1e7 ? 3 : 1);
  const SIDES = ['client', 'server'];
  const KINDS = [
    ['arrow', 'packets'], ['call', 'calls'], ['action', 'what the client did'], ['state', 'states of sockets'],
    ['process', 'processes'], ['output', 'lines that the server wrote'], ['quiet', 'what is of little interest'],
  ];
  const NOTHING = {
    scene: { connections: [], connections_in_all: 0, notes: ['Nothing has happened yet.'], outside: [], unknown: [] },
    amounts: [], acks: [], first: [], sentences: [], frames: { frames: [] }, looks: {},
  };
  /** Time in which nothing happens is folded from here on, in nanoseconds. */
  const FOLD = 1e7;

  // ---- What there is ----

  let data, scene, marks, byFrame, byEvent, amounts, acksOf, ackedBy, frameOf;

  function load(loaded) {
    data = loaded;
    scene = data.scene;
    marks = [];
    scene.connections.forEach((diagram, place) => {
      diagram.marks.forEach((mark, within) => marks.push({
        ...mark, diagram, place, order: within,
        time: mark.kind === 'arrow' ? mark.left : mark.at,
        owner: mark.kind === 'arrow' ? mark.from : mark.side || (mark.kind === 'action' ? 'client' : 'server'),
        sort: mark.kind === 'process' && mark.output ? 'output' : mark.kind,
        says: mark.kind === 'arrow' ? mark.sentence : data.sentences[place][within] || '',
      }));
    });
    marks.sort((a, b) => a.event - b.event || a.place - b.place || a.order - b.order);
    byFrame = new Map();
    byEvent = new Map();
    marks.forEach((mark, index) => {
      mark.index = index;
      if (mark.label) mark.words = `${mark.label} ${mark.words}`;
      if (mark.frame !== null && mark.frame !== undefined) byFrame.set(mark.frame, index);
      if (mark.kind !== 'state') byEvent.set(mark.event, index);
      // A sign for links, which stays the same when more is drawn.
      const states = mark.kind === 'state' ? `-${mark.side}-${mark.words}` : '';
      mark.link = mark.frame ? `frame=${mark.frame}` : `event=${mark.event}${states}`;
    });
    amounts = new Map(data.amounts.map(([event, flight, unread]) => [event, { flight, unread }]));
    frameOf = new Map(data.frames.frames.map((frame) => [frame[0], frame]));
    findAcks();
  }

  /** Which frames each ACK covers, and which ACK covers each frame. */
  function findAcks() {
    acksOf = new Map();
    ackedBy = new Map();
    const arrows = SIDES.map((side) => marks.filter((mark) => mark.kind === 'arrow' && mark.from === side));
    const frames = arrows.map((list) => list.map((mark) => mark.frame));
    for (const [event, first, last] of data.acks) {
      const ack = byEvent.get(event);
      if (ack === undefined) continue;
      const theirs = SIDES.indexOf(other(marks[ack].from));
      const covered = [];
      for (let at = lowest(frames[theirs], first); at < frames[theirs].length && frames[theirs][at] <= last; at++) {
        const mark = arrows[theirs][at];
        if (mark.place !== marks[ack].place || (!mark.len && !/SYN|FIN/.test(mark.flags)) || ackedBy.has(mark.index)) continue;
        covered.push(mark.index);
        ackedBy.set(mark.index, ack);
      }
      acksOf.set(ack, covered);
    }
  }

  /** The first place in a sorted list whose value is not less. */
  function lowest(list, value) {
    let [from, to] = [0, list.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (list[middle] < value) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  const frameIndex = (number) => byFrame.get(number);
  const eventIndex = (event) => byEvent.get(event);

  /** The marks that belong to one, each with what it is to it. */
  function related(mark) {
    const all = new Map();
    const add = (index, role) => {
      if (index !== undefined && index !== mark.index && !all.has(index)) all.set(index, role);
    };
    if (mark.kind === 'arrow') {
      if (mark.held) {
        add(eventIndex(mark.held.write), 'its write');
        add(frameIndex(mark.held.until_frame), 'let it go');
      }
      mark.carries.forEach((event) => add(eventIndex(event), 'its write'));
      if (mark.during !== null) add(eventIndex(mark.during), 'during this call');
      add(ackedBy.get(mark.index), 'its ACK');
      (acksOf.get(mark.index) || []).forEach((index) => add(index, 'acknowledged'));
      mark.why.frames.forEach((frame) => add(frameIndex(frame), 'why'));
      mark.why.events.forEach((event) => add(eventIndex(event), 'why'));
    }
    (mark.arrows || []).forEach((event) => add(eventIndex(event), 'caused'));
    if (mark.kind === 'action' && mark.arrow !== null) add(eventIndex(mark.arrow), 'caused');
    if (mark.kind === 'state') add(eventIndex(mark.event), 'brought it');
    for (const index of carriedBy.get(mark.event) || []) add(index, marks[index].held ? 'held back' : 'carries it');
    for (const index of letGo.get(mark.index) || []) add(index, 'let go');
    return all;
  }

  let carriedBy, letGo;
  function findCarriers() {
    carriedBy = new Map();
    letGo = new Map();
    const push = (map, key, value) => (map.has(key) ? map.get(key).push(value) : map.set(key, [value]));
    for (const mark of marks) {
      if (mark.kind !== 'arrow') continue;
      mark.carries.forEach((event) => push(carriedBy, event, mark.index));
      if (mark.held) push(letGo, frameIndex(mark.held.until_frame), mark.index);
    }
  }

  // ---- What is shown ----

  const view = {
    current: -1, // the index of a mark; -1 for the overview
    zoom: 1, stretch: 1, trueTime: false, asking: false, absolute: false,
    connection: 0, sides: new Set(SIDES), kinds: new Set(KINDS.map((kind) => kind[0])), open: new Set(),
    query: '', hits: new Set(),
  };
  view.kinds.delete('output');
  view.kinds.delete('quiet');
  let shown = []; // indices of marks
  let placeOf = new Map(); // the place of each among them

  function choose() {
    shown = [];
    for (const mark of marks) {
      if (view.connection !== 'all' && mark.place !== view.connection) continue;
      if (!view.sides.has(mark.owner) || !view.kinds.has(mark.sort)) continue;
      if (mark.quiet && !view.kinds.has('quiet')) continue;
      shown.push(mark.index);
    }
    placeOf = new Map(shown.map((index, place) => [index, place]));
    find();
  }

  /** How far one may look: all, or as far as one has asked. */
  const horizon = () => (view.asking ? view.current : marks.length - 1);

  // ---- Where things go ----

  const ROOMY = 34;
  let ROW = ROOMY; // from row to row
  let GAP = 46;
  const TOP = 16;
  let ys = []; // of the shown marks
  let moments = []; // of the same, never going back
  let gaps = []; // folds: { place, y, height, length, open }
  let height = 0;

  /** The overview shows all of it, as far as that can be read; whoever goes through it has roomy rows. */
  function lay(roomy = view.current >= 0 || view.trueTime) {
    ys = [];
    moments = [];
    gaps = [];
    const folds = shown.filter((index, place) => place && marks[index].time - marks[shown[place - 1]].time >= FOLD).length;
    const all = $('scroll').clientHeight / view.zoom - TOP - 44;
    const within = (least, most, size) => Math.min(Math.max(size, least), most);
    GAP = roomy ? 46 : within(9, 32, (all - shown.length * 6) / Math.max(folds, 1));
    ROW = roomy ? ROOMY : within(2, ROOMY, (all - folds * GAP) / Math.max(shown.length, 1));
    let [y, last, high] = [TOP, null, -Infinity];
    const span = trueSpan();
    const scale = view.trueTime ? (shown.length * ROW * view.stretch) / Math.max(span, 1) : 0;
    shown.forEach((index, place) => {
      const { time } = marks[index];
      const passed = last === null ? 0 : time - last;
      if (passed >= FOLD) {
        const open = view.open.has(index);
        const room = open ? Math.min(Math.max(passed * (scale || 4e-6), 2 * GAP), 60000) : GAP;
        gaps.push({ place, y, height: room, length: passed, open, index });
        y += room + (view.trueTime && place ? ROW / 2 : 0);
      } else if (view.trueTime && place) {
        y += Math.max(passed, 0) * scale;
      }
      ys.push(y + ROW / 2);
      if (!view.trueTime) y += ROW;
      last = time;
      high = Math.max(high, time);
      moments.push(high);
    });
    height = y + (view.trueTime ? ROW : 0) + (roomy ? 3 * ROW : 44);
    $('space').style.height = `${height * view.zoom}px`;
  }

  /** Nanoseconds that are drawn, without the folds. */
  function trueSpan() {
    let span = 0;
    for (let place = 1; place < shown.length; place++) {
      const passed = marks[shown[place]].time - marks[shown[place - 1]].time;
      if (passed < FOLD) span += Math.max(passed, 0);
    }
    return span;
  }

  /** Where a moment is. */
  function yOf(time) {
    if (!moments.length) return TOP;
    const after = lowest(moments, time + 1);
    if (after === 0) return ys[0] - ROW / 2;
    if (after >= moments.length) return time === moments[after - 1] ? ys[after - 1] : ys[after - 1] + ROW / 2;
    const [t0, t1, y0, y1] = [moments[after - 1], moments[after], ys[after - 1], ys[after]];
    return t1 === t0 ? y0 : y0 + ((y1 - y0) * (time - t0)) / (t1 - t0);
  }

  // ---- The diagram ----

  const CHARACTER = 7.85; // of the monospaced font at 13 pixels
  let columns = {};

  function measure() {
    const width = $('scroll').clientWidth / view.zoom;
    const wide = width >= 640;
    // The times stand left of all, as wide as the longest of them.
    const longest = shown.reduce((most, index) => Math.max(most, tenths(marks[index].time).length), 0);
    const time = Math.max(wide ? 52 : 40, longest * 7.25 + 4);
    const left = time + 52;
    if (wide) {
      // Each side has as much room as its words take, and the wire what is left, within reason.
      const wire = Math.max(230, width * 0.34);
      const sides = width - left - wide * 44 - wire;
      const [mine, theirs] = SIDES.map(wordsOf);
      const client = Math.min(Math.max(mine, 90), Math.max(sides * 0.5, sides - theirs));
      const server = Math.min(Math.max(theirs, 110), sides - client);
      columns = { width, wide, left, number: time + 40, time, client: left + client + 26, server: width - server - 34 };
    } else {
      columns = { width, wide, number: -99, time, client: time + 18, server: width - 26 };
    }
    drawHeads();
  }

  /** How much room the words beside a lifeline take. */
  function wordsOf(side) {
    let most = 0;
    for (const index of shown) {
      const mark = marks[index];
      if (mark.owner === side && mark.kind !== 'arrow') most = Math.max(most, mark.words.length);
      else if (mark.owner === side && mark.held) most = Math.max(most, 30);
      else if (mark.owner === side && mark.facts.length) most = Math.max(most, mark.facts.reduce((sum, fact) => sum + fact.name.length + 2, -2));
    }
    return most * CHARACTER + 8;
  }

  const xOf = (side) => columns[side];

  function cut(text, room) {
    const most = Math.floor(room / CHARACTER);
    return text.length <= most ? text : most > 1 ? `${text.slice(0, most - 1)}…` : '';
  }

  /** The same of a call, which keeps its result: that is what one looks for. */
  function cutCall(text, room) {
    const result = text.slice(Math.max(text.lastIndexOf(') = '), 0));
    const left = room - result.length * CHARACTER;
    return text.length * CHARACTER <= room || result === text || left < 4 * CHARACTER ? cut(text, room) : cut(text.slice(0, -result.length), left) + result;
  }

  function drawHeads() {
    const heads = $('heads');
    const diagram = scene.connections[view.connection === 'all' ? 0 : view.connection];
    const zoom = Math.min(view.zoom, 1.6);
    heads.replaceChildren(...SIDES.flatMap((side) => {
      const x = xOf(side) * view.zoom;
      const anchor = columns.wide ? 'middle' : side === 'client' ? 'start' : 'end';
      const at = columns.wide ? x : side === 'client' ? 8 : columns.width * view.zoom - 8;
      const address = mixed() ? '' : diagram ? diagram[side].address : '';
      return [
        s('text', { x: at, y: 17, 'text-anchor': anchor, class: `head ${side}` }, side),
        s('text', { x: at, y: 33, 'text-anchor': anchor, class: 'address' }, address),
      ];
    }));
    heads.setAttribute('height', 42 * zoom);
  }

  /** Draws what can be seen, and a little more. */
  function draw(all) {
    const scroll = $('scroll');
    const drawing = $('drawing');
    const from = all ? 0 : Math.max(scroll.scrollTop / view.zoom - 200, 0);
    const to = all ? height : from + scroll.clientHeight / view.zoom + 400;
    drawing.style.top = `${from * view.zoom}px`;
    drawing.style.height = `${(to - from) * view.zoom}px`;
    drawing.setAttribute('viewBox', `0 ${from} ${columns.width} ${to - from}`);
    const parts = [];
    const grounds = [];
    const last = Math.min(lowest(ys, to + ROW), shown.length);
    const first = Math.max(lowest(ys, from - ROW), 0);
    const limit = horizon();
    const near = view.current >= 0 ? related(marks[view.current]) : new Map();
    const end = view.asking ? (view.current < 0 ? TOP : ys[placeOf.get(view.current)] + ROW) : height;
    for (const side of SIDES) {
      parts.push(s('line', { class: 'life', x1: xOf(side), x2: xOf(side), y1: Math.max(from, 0), y2: Math.min(to, end) }));
    }
    // States are of one socket: of several connections together none are drawn.
    if (!mixed()) for (const diagram of diagrams()) parts.push(...bands(diagram, from, to, end));
    const folds = gaps.filter((gap) => gap.y + gap.height >= from && gap.y <= to && shown[gap.place] <= limit).map(fold);
    parts.push(...folds.flatMap((each) => each.lines));
    for (const diagram of diagrams()) parts.push(...waits(diagram, from, to, limit));
    // What began above may reach down to here.
    const reach = Math.max(0, first - 64);
    const rows = [];
    // On a telephone all words stand between the lifelines.
    const lane = (mark) => (mark.kind === 'arrow' || !columns.wide ? 'wire' : mark.owner);
    const here_ = placeOf.has(view.current) ? { lane: lane(marks[view.current]), y: ys[placeOf.get(view.current)] } : { y: -99 };
    const taken = { clock: -99, wire: -99, client: -99, server: -99 };
    // Words need a line each; those of the current event go first.
    const apart = columns.wide ? 15 : 24;
    const free = (what, y) => {
      const is = ROW >= apart && !view.trueTime || (y - taken[what] >= apart && (Math.abs(y - here_.y) >= apart || (what !== here_.lane && what !== 'clock')));
      if (is) taken[what] = y;
      return is;
    };
    for (let place = reach; place < last; place++) {
      const mark = marks[shown[place]];
      if (mark.index > limit) break;
      if (place < first && !extends_(mark, from)) continue;
      const here = mark.index === view.current;
      const room = here || free(lane(mark), ys[place]);
      const clock = here || free('clock', ys[place]);
      const role = near.get(mark.index);
      grounds.push(ground(mark, ys[place], here, role));
      rows.push(row(mark, ys[place], here, role, room, clock));
    }
    if (view.asking && view.current < marks.length - 1) {
      rows.push(s('text', { x: (xOf('client') + xOf('server')) / 2, y: end + 8, 'text-anchor': 'middle', class: 'head' }, '?'));
    }
    drawing.replaceChildren(...grounds, ...parts, ...rows, ...folds.map((each) => each.words));
  }

  /** True if several connections are drawn together. */
  const mixed = () => view.connection === 'all' && scene.connections.length > 1;
  const diagrams = () => (view.connection === 'all' ? scene.connections : scene.connections.slice(view.connection, view.connection + 1));

  function extends_(mark, from) {
    const reached = mark.kind === 'arrow' ? Math.max(...mark.came, mark.left) : mark.kind === 'call' ? bracketEnd(mark) : mark.time;
    return yOf(reached) >= from;
  }

  /** A piece of a band: each state has a colour and lines of its own, the same as in pictures. */
  function bar(state_, x, top, bottom) {
    const [kind, strokes] = data.looks[state_];
    let lines = '';
    for (const [rise, apart] of strokes) {
      for (let at = Math.ceil((top + Math.max(rise, 4)) / apart) * apart; at <= bottom && at - rise <= bottom; at += apart) lines += `M${x - 5} ${at}L${x + 5} ${at - rise}`;
    }
    return [s('rect', { class: `band ${kind}`, x: x - 5, width: 10, y: top, height: Math.max(bottom - top, 0) }), s('path', { class: 'hatch', d: lines })];
  }

  /** Where a state begins: in its own row, if that was the moment. Many rows may share one. */
  function rowOf(band, moment) {
    const own = band && marks.find((mark) => mark.kind === 'state' && mark.event === band.event && mark.side === band.side && mark.words === band.state && mark.at === moment);
    return own && placeOf.has(own.index) ? ys[placeOf.get(own.index)] : yOf(moment);
  }

  /** The states along the lifelines. */
  function bands(diagram, from, to, end) {
    const drawn = [];
    for (const band of diagram.bands) {
      const top = rowOf(band, band.since);
      if (top > end) continue;
      const open = band.until === null;
      const next = diagram.bands.find((each) => each.side === band.side && each.since === band.until);
      const bottom = Math.min(open ? height - Math.max(ROW, 12) : rowOf(next, band.until), end);
      if (bottom < from || top > to) continue;
      const x = xOf(band.side);
      const known = Math.min(rowOf(band, band.known), bottom);
      for (const [state_, begins, ends] of [['unsure', top, known], [band.state, known, bottom]]) {
        if (begins < ends) drawn.push(...bar(state_, x, Math.max(begins, from), Math.min(ends, to)));
      }
      if (open && !view.asking && bottom >= from && bottom <= to + ROW) {
        const anchor = columns.wide ? (band.side === 'client' ? 'end' : 'start') : band.side === 'client' ? 'start' : 'end';
        const away = (anchor === 'end' ? -1 : 1) * 14;
        drawn.push(
          s('path', { d: `M${x - 8} ${bottom}l8 9 8-9`, class: 'tip', stroke: 'var(--quiet)' }),
          s('text', { class: `state halo ${band.state}`, x: x + away, y: bottom + 4, 'text-anchor': anchor }, `still ${band.state}`));
      }
    }
    return drawn;
  }

  /** What is put off, from when to when. */
  function waits(diagram, from, to, limit) {
    const drawn = [];
    for (const wait of diagram.waits) {
      const arrow = eventIndex(wait.arrow);
      const [top, bottom] = [yOf(wait.since), ys[placeOf.get(arrow)]];
      if (arrow > limit || !placeOf.has(arrow) || bottom < from || top > to) continue;
      const side = wait.side === 'client' ? -1 : 1;
      const x = xOf(wait.side) + side * (columns.wide ? 12 : -12);
      drawn.push(s('line', { class: 'wait', x1: x, x2: x, y1: top, y2: bottom }));
    }
    return drawn;
  }

  /** What waits all through a fold: rather data than an ACK. */
  function waitWithin(gap) {
    const [since, until] = [marks[shown[gap.place - 1]].time, marks[gap.index].time];
    const lasts = (wait) => wait.since <= since + gap.length / 2 && wait.until >= until && eventIndex(wait.arrow) <= horizon();
    const waiting = diagrams().flatMap((diagram) => diagram.waits.filter(lasts));
    return waiting.find((wait) => wait.call !== null) || waiting[0];
  }

  /** True if a packet left before a fold and came after it. */
  function isUnderWay(gap) {
    const before = shown.slice(Math.max(gap.place - 100, 0), gap.place).map((index) => marks[index]);
    return before.some((mark) => mark.kind === 'arrow' && mark.came.some((came) => came > marks[gap.index].time - gap.length / 2));
  }

  function fold(gap) {
    const y = gap.y + gap.height / 2;
    const { width } = columns;
    const zigzag = (x) => s('path', { class: 'fold', d: `M${x - 7} ${y - 4}l5 8 5-8 5 8` });
    const waiting = gap.open ? null : waitWithin(gap);
    const what = gap.open ? '' : waiting ? `: ${waiting.words}` : isUnderWay(gap) ? ' on the wire' : ' in which nothing happens';
    const words = `${waiting ? waiting.milliseconds : waited_(gap.length)} ms${what}`;
    const toggle = () => {
      if (view.open.has(gap.index)) view.open.delete(gap.index);
      else view.open.add(gap.index);
      lay();
      draw();
    };
    const zigzags = gap.open || words.length * 7.4 > xOf('server') - xOf('client') - 30 ? [] : SIDES.map((side) => zigzag(xOf(side)));
    return {
      lines: gap.open ? [] : [s('rect', { class: 'fold-back', x: 0, y: y - Math.min(12, GAP / 2), width, height: Math.min(24, GAP), onclick: toggle }), ...zigzags],
      words: s('text', { class: `fold-text halo${waiting ? ' held' : ''}`, x: (xOf('client') + xOf('server')) / 2, y: y + 4, 'text-anchor': 'middle', onclick: toggle }, GAP < 24 && !waiting ? '' : `${gap.open ? '▴' : '▾'} ${words}`),
    };
  }

  const classes = (here, role, hit) => [here ? 'here' : role ? 'near' : '', hit ? 'hit' : ''].join(' ').trim();

  /** What is under a row: it takes clicks, and shows where one is. */
  function ground(mark, y, here, role) {
    const half = view.trueTime ? 9 : ROW / 2;
    return s('g', { class: classes(here, role), 'data-index': mark.index },
      s('rect', { class: 'row', x: 0, y: y - half, width: columns.width, height: 2 * half }),
      (here || role) && s('rect', { class: 'edge', x: 0, y: y - half, width: 4, height: 2 * half }));
  }

  function row(mark, y, here, role, room, clock) {
    const draws = { arrow, call, action: call, state, process: call }[mark.kind];
    return s('g', { class: classes(here, role, view.hits.has(mark.index)), 'data-index': mark.index },
      clock && s('text', { class: 'time', x: columns.time, y: y + 4, 'text-anchor': 'end' }, tenths(mark.time)),
      clock && columns.wide && s('text', { class: 'number', x: columns.number, y: y + 4, 'text-anchor': 'end' }, mixed() ? `${mark.place + 1}:${mark.frame ?? ''}` : mark.frame ?? ''),
      ...draws(mark, y, room));
  }

  /** Where words of a side stand: outside of the lifelines if there is room, else between them. */
  function beside(side) {
    const x = xOf(side);
    const toLeft = (side === 'client') === columns.wide;
    const away = columns.wide ? 26 : 20;
    const room = columns.wide ? (side === 'client' ? x - away - columns.left : columns.width - x - away - 8) : xOf('server') - xOf('client') - 2 * away;
    return { x: x + (toLeft ? -away : away), anchor: toLeft ? 'end' : 'start', room };
  }

  function arrow(mark, y, room) {
    const [from, to] = [xOf(mark.from), xOf(other(mark.from))];
    const way = Math.sign(to - from);
    const [start, stop] = [from + way * 6, to - way * 6];
    const lost = mark.outcome === 'lost';
    const ends = lost ? [y + 8] : mark.came.length ? mark.came.map(yOf) : [y];
    const kind = `${mark.from}${mark.len || /SYN|FIN|RST/.test(mark.flags) ? ' data' : ''}${mark.repeats ? ' again' : ''}`;
    const parts = ends.flatMap((end) => {
      const x = lost ? from + (to - from) * 0.62 : stop;
      const line = s('line', { class: `wire ${kind}`, x1: start, y1: y, x2: x - way * (lost ? 0 : 4), y2: end });
      if (lost || mark.outcome === 'damaged') {
        return [line, s('path', { class: `tip ${mark.from}`, d: `M${x - 6} ${end - 6}l12 12m0-12l-12 12` })];
      }
      return [line, s('path', { class: `tip ${mark.from} full`, d: `M${x} ${end}l${-way * 10} -5v10z` })];
    });
    if (mark.held) parts.push(s('rect', { x: start - 4, y: y - 4, width: 8, height: 8, fill: 'var(--p-held)', stroke: 'var(--ink)' }));
    if (room) parts.push(s('text', { class: `halo ${mark.from}`, x: (from + to) / 2, y: (y + Math.min(ends[0], y + ROW)) / 2 - 6, 'text-anchor': 'middle' }, label(mark, Math.abs(to - from) - 34)));
    const note = mark.facts.length && columns.wide && room && beside(mark.from);
    if (mark.held && columns.wide && room) {
      const place = beside(mark.from);
      parts.push(s('text', { class: 'halo held', x: place.x, y: y + 4, 'text-anchor': place.anchor }, cut(`held ${mark.held.milliseconds} ms, until frame ${mark.held.until_frame}`, place.room)));
    } else if (note) {
      parts.push(s('text', { class: 'halo found', x: note.x, y: y + 4, 'text-anchor': note.anchor }, cut(mark.facts.map((fact) => fact.name).join(', '), note.room)));
    }
    return parts;
  }

  /** Flags, numbers and data, as much as fits. */
  function label(mark, room) {
    const words = numbered(mark);
    const data_ = mark.data ? ` "${mark.data}"` : '';
    const short = words.replace(/ ack \d+/, '');
    const least = words.replace(/ (seq|ack) \d+/g, '');
    for (const form of [words + data_, short + data_, least + data_, short, least]) {
      if (form.length * CHARACTER <= room) return form;
    }
    return cut(least, room);
  }

  /** With relative numbers, or with those on the wire. */
  function numbered(mark) {
    if (!view.absolute) return mark.words;
    const first = data.first[mark.diagram.connection];
    const mine = SIDES.indexOf(mark.from);
    const absolute = (number, side) => (first[side] === null ? number : (Number(number) + first[side]) % 4294967296);
    return mark.words.replace(/ seq (\d+)/, (_, number) => ` seq ${absolute(number, mine)}`)
      .replace(/ ack (\d+)/, (_, number) => ` ack ${absolute(number, 1 - mine)}`);
  }

  /** The end of what a call caused. */
  const bracketEnd = (mark) => mark.arrows.reduce((end, event) => {
    const index = eventIndex(event);
    return index === undefined || !placeOf.has(index) ? end : Math.max(end, marks[index].time);
  }, mark.time);

  function call(mark, y, room) {
    const place = beside(mark.owner);
    const x = xOf(mark.owner);
    const way = (mark.owner === 'client') === columns.wide ? -1 : 1;
    const parts = [];
    if (mark.kind === 'call') {
      const arrows = mark.arrows.map(eventIndex).filter((index) => placeOf.has(index) && index <= horizon());
      const bottom = Math.max(y, ...arrows.map((index) => ys[placeOf.get(index)]));
      const top = Math.min(y, ...arrows.map((index) => ys[placeOf.get(index)]));
      const tall = Math.min(9, ROW / 2 - 1);
      parts.push(s('path', { class: 'bracket', d: `M${x + way * 6} ${top - tall}h${way * 9}V${bottom + tall}h${-way * 9}` }));
    } else {
      parts.push(s('circle', { class: 'dot', cx: x + way * 12, cy: y, r: 3.5 }));
    }
    const words = mark.output ? `${mark.output}: ${mark.words}` : mark.words;
    if (room) parts.push(s('text', { class: `halo ${mark.kind === 'process' ? 'process' : ''}`, x: place.x, y: y + 4, 'text-anchor': place.anchor }, (mark.kind === 'call' ? cutCall : cut)(words, place.room)));
    return parts;
  }

  function state(mark, y, room) {
    const place = beside(mark.side);
    const width = Math.min(mark.words.length * 7.3 + 18, place.room);
    const left = place.anchor === 'end' ? place.x - width : place.x;
    return [
      s('circle', { cx: xOf(mark.side), cy: y, r: 5, class: `pill ${mark.words}` }),
      room && s('rect', { class: `pill ${mark.words}`, x: left, y: y - 10, width, height: 20, rx: 10 }),
      room && s('text', { class: `state ${mark.words}`, x: left + width / 2, y: y + 4, 'text-anchor': 'middle' }, mark.words),
    ];
  }

  // ---- What is said of a step ----

  const go = (index) => () => step(index, true);

  function linkTo(index, text) {
    if (index === undefined || index > horizon()) return null;
    return h('a', { href: `#${marks[index].link}`, onclick: (event) => { event.preventDefault(); step(index, true); } }, text || name(index));
  }

  function name(index) {
    const mark = marks[index];
    const what = mark.kind === 'arrow' ? mark.words : `${mark.owner}: ${mark.words}`;
    return mark.frame ? `frame ${mark.frame}, ${what}` : what;
  }

  function evidence(frames, events) {
    const links = [...frames.map(frameIndex), ...events.map(eventIndex)].map((index) => linkTo(index)).filter(Boolean);
    return links.length ? [' Shown by ', ...links.flatMap((link, place) => (place ? ['; ', link] : [link]))] : [];
  }

  const SURE = { seen: '● seen', inferred: '◐ inferred', unknown: '○ unknown' };
  const sure = (certainty) => h('span', { class: `sure ${certainty}` }, SURE[certainty] || certainty);

  /** Fills a place anew. The focus stays on what is there again, or else in the place. */
  function fill(place, children) {
    const was = document.activeElement;
    const within = place.contains(was);
    const alike = () => [...place.querySelectorAll('a, input')].filter((each) => each.id === was.id && each.hash === was.hash);
    const nth = alike().indexOf(was);
    place.replaceChildren(...children);
    if (within) (alike()[nth] || place).focus({ preventScroll: true });
  }

  function panel(top = 0) {
    const place = $('panel');
    fill(place, view.current < 0 ? overview() : details(marks[view.current]));
    place.scrollTop = top;
    $('meaning').hidden = true;
  }

  /** What the bands mean that are drawn. */
  function legend() {
    const bands_ = diagrams().flatMap((diagram) => diagram.bands);
    const states = [...new Set(bands_.map((band) => band.state)), ...(bands_.some((band) => band.since < band.known) ? ['unsure'] : [])];
    const entry = (state_) => h('li', {}, s('svg', { width: 16, height: 20, 'aria-hidden': 'true' }, ...bar(state_, 8, 1, 19)), ` ${state_ === 'unsure' ? 'changed meanwhile: the socket table was read before and after' : state_}`);
    return states.length ? [h('h3', {}, 'States of the sockets'), h('ul', { class: 'legend' }, ...states.map(entry))] : [];
  }

  const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

  /** What happened, in a sentence: what waited, or else what was found, or else how it ended. */
  function happened() {
    if (scene.connections_in_all !== 1) {
      const found = scene.connections.filter((diagram) => diagram.findings.length).length;
      return `${plural(scene.connections_in_all, 'connection')}${found && !view.asking ? `, of which ${found} ${found === 1 ? 'has' : 'have'} something to look at` : ''}.`;
    }
    const [diagram] = scene.connections;
    const packets = marks.filter((mark) => mark.kind === 'arrow').length;
    const lasted = marks.reduce((end, mark) => Math.max(end, mark.time), 0);
    const said = (name_) => diagram.verdict.find((line) => line.name === name_)?.words || '';
    const [waited, found] = [said('stalls'), diagram.findings[0]];
    const what = /\d/.test(waited) ? waited : found ? found.summary : `the end is ${said('teardown')}`;
    return `Client and server send ${plural(packets, 'packet')} in ${waited_(lasted)} ms${view.asking ? '' : `: ${what}`}.`;
  }

  /** Which of several connections are drawn. */
  function drawn() {
    const [here, all] = [scene.connections.length, scene.connections_in_all];
    const one = view.connection === 'all' ? null : scene.connections[view.connection];
    if (all < 2 || !here) return [];
    const words = one ? `Connection ${one.connection + 1} of ${all} is drawn, that of client ${one.client.address}.` : `${here < all ? `${here} of ${all}` : `All ${all}`} connections are drawn.`;
    return [h('p', { class: 'drawn' }, `${words}${here > 1 ? ' Choose below “show” (f).' : ''}`)];
  }

  function overview() {
    const parts = [h('h2', {}, 'Overview')];
    parts.push(h('p', { class: 'sentence' }, ...spoken(happened())), ...drawn());
    const first = marks[shown[0]];
    if (first) parts.push(h('p', { class: 'begin' }, 'First step (→): ', h('span', { class: 'mono' }, linkTo(first.index) || ''), view.asking ? '' : h('span', {}, ...spoken(` ${first.says}`))));
    for (const note of scene.notes) parts.push(h('p', {}, note));
    if (view.asking) return [...parts, h('p', { class: 'ask' }, 'What was found is hidden while you ask.')];
    for (const diagram of diagrams().slice(0, 20)) {
      const of = scene.connections_in_all > 1 ? ` of connection ${diagram.connection + 1}` : '';
      if (diagram.findings.length) parts.push(h('h3', {}, `What to look at${of}`));
      for (const found of diagram.findings) {
        const shows = found.evidence.map(eventIndex).map((index) => linkTo(index)).filter(Boolean).slice(0, 8);
        parts.push(h('div', { class: 'finding' },
          h('p', {}, h('strong', {}, capital(found.summary)), `: ${found.message} (${found.severity}: ${found.id})`),
          h('p', {}, h('em', {}, 'Cure: '), found.cure),
          h('ul', {}, ...shows.map((link) => h('li', { class: 'mono' }, link)))));
      }
      parts.push(h('h3', {}, `What to take away${of}`));
      parts.push(h('dl', { class: 'verdict' }, ...diagram.verdict.flatMap((line) => [h('dt', {}, line.name), h('dd', {}, line.words)])));
    }
    parts.push(...legend());
    if (scene.outside.length) {
      parts.push(h('h3', {}, 'Outside any connection'), h('ul', {}, ...scene.outside.map((note) => h('li', { class: 'mono' }, note))));
    }
    if (scene.unknown.length) parts.push(h('h3', {}, 'Nothing can be said by these rules'), h('p', { class: 'mono' }, scene.unknown.join(', ')));
    return parts;
  }

  function details(mark) {
    const frame = mark.frame ? `frame ${mark.frame}, ` : '';
    const which = scene.connections.length > 1 ? `connection ${mark.diagram.connection + 1}, ` : '';
    const to = mark.kind === 'arrow' ? `${mark.from} to ${other(mark.from)}` : mark.owner;
    const words = mark.kind === 'arrow' ? `${numbered(mark)}${mark.data ? ` "${mark.data}"` : ''}` : mark.words;
    const parts = [
      h('h2', {}, `${which}${frame}${milliseconds(mark.time)} ms, ${to}`),
      h('p', { class: 'label' }, words),
      h('p', { class: 'sentence' }, ...spoken(mark.says)),
    ];
    if (view.asking) parts.push(question());
    else parts.push(...mark.diagram.findings.filter((found) => found.evidence.includes(mark.event)).map((found) => (
      h('div', { class: 'finding' }, h('p', {}, h('strong', {}, capital(found.summary)), `: ${found.message} (${found.id})`)))));
    if (mark.kind === 'arrow') parts.push(...arrowDetails(mark));
    if (mark.kind === 'call') parts.push(...callDetails(mark));
    parts.push(...together(mark), ...between(mark));
    if (mark.kind === 'arrow') parts.push(...bytes(mark));
    return parts;
  }

  /** A sentence, with what stands between backquotes as code. */
  const spoken = (text) => text.split('`').map((part, place) => (place % 2 ? h('code', {}, part) : part));

  function question() {
    const next = shown[(placeOf.get(view.current) ?? -1) + 1];
    if (next === undefined) return h('p', { class: 'ask' }, 'That was all.');
    const mark = marks[next];
    const who = mark.kind === 'arrow' ? `the ${mark.from}'s kernel send` : mark.kind === 'state' ? '' : `the ${mark.owner}'s program do`;
    const text = mark.kind === 'state' ? `Which state has the ${mark.side}'s socket now?` : `What does ${who} next?`;
    return h('p', { class: 'ask' }, text);
  }

  function arrowDetails(mark) {
    const parts = [];
    if (mark.wire) parts.push(h('p', {}, `The wire: ${mark.wire}`));
    if (mark.why.name !== 'unknown') {
      const waited = mark.why.waited_ns ? ` It waited ${waited_(mark.why.waited_ns)} ms.` : '';
      parts.push(h('h3', {}, 'Why it left when it did'), h('p', {}, sure(mark.why.certainty), h('strong', {}, mark.why.name), `: ${mark.why.meaning}.${waited}`, ...evidence(mark.why.frames, mark.why.events)));
    }
    if (mark.facts.length) {
      parts.push(h('h3', {}, 'What is so of it'), h('ul', {}, ...mark.facts.map((fact) => h('li', {}, sure(fact.certainty), h('strong', {}, fact.name), `: ${fact.meaning}.`, ...evidence(fact.frames, fact.events)))));
    }
    return parts;
  }

  function callDetails(mark) {
    const returned = mark.returned === null ? 'not returned' : `returned ${milliseconds(mark.returned)} ms`;
    return [h('p', { class: 'mono' }, `entered ${milliseconds(mark.entered)} ms, ${returned}, ${mark.process === null ? '' : `process ${mark.process}, `}thread ${mark.thread}`)];
  }

  function together(mark) {
    const links = [...related(mark)].filter(([, role]) => role !== 'why').map(([index, role]) => [linkTo(index), role]).filter(([link]) => link);
    if (!links.length) return [];
    return [h('h3', {}, 'What belongs to it'), h('ul', {}, ...links.slice(0, 12).map(([link, role]) => h('li', {}, `${role}: `, h('span', { class: 'mono' }, link))))];
  }

  /** Both ends, and what is between them, after this event. */
  function between(mark) {
    const states = SIDES.map((side) => stateAt(mark, side));
    const { flight, unread } = amountsAt(mark);
    const bytes_ = (count) => (count === null ? 'unknown' : plural(count, 'byte'));
    const some = (count) => (count ? 'some' : '');
    return [
      h('h3', {}, 'After this'),
      h('div', { class: 'between' },
        h('span', { class: 'client' }, 'client'), h('span', { class: 'middle name' }, 'in flight'), h('span', { class: 'server right' }, 'server'),
        h('span', { class: 'mono', 'data-state': 'client' }, states[0]), h('span', { class: `middle ${some(flight[0])}`, 'data-flight': 'client' }, `${plural(flight[0], 'byte')} →`), h('span', { class: 'mono right', 'data-state': 'server' }, states[1]),
        h('span', { 'data-unread': 'client' }, h('span', { class: 'name' }, 'unread: '), h('span', { class: some(unread[0]) }, bytes_(unread[0]))),
        h('span', { class: `middle ${some(flight[1])}`, 'data-flight': 'server' }, `← ${plural(flight[1], 'byte')}`),
        h('span', { class: 'right', 'data-unread': 'server' }, h('span', { class: 'name' }, 'unread: '), h('span', { class: some(unread[1]) }, bytes_(unread[1])))),
    ];
  }

  function stateAt(mark, side) {
    let state = 'no socket yet';
    for (const each of marks) {
      if (each.index > mark.index) break;
      if (each.kind === 'state' && each.place === mark.place && each.side === side) state = each.words;
    }
    return state;
  }

  /** Of an event that belongs to no connection, what was so before it. */
  function amountsAt(mark) {
    for (let index = mark.index; index >= 0; index--) {
      if (marks[index].place !== mark.place) continue;
      const known = amounts.get(marks[index].event);
      if (known) return known;
    }
    return { flight: [0, 0], unread: [0, 0] };
  }

  // ---- The bytes of a frame ----

  function bytes(mark) {
    const found = frameOf.get(mark.event);
    if (!found) return [];
    const [, layout, encoded, length, said] = found;
    const frame = Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0));
    const { names, layers, layouts, texts } = data.frames;
    const fields = layouts[layout].map(([layer, name_, start, count], place) => ({
      layer: layers[layer], name: names[name_], start, count, value: texts[said[2 * place]], words: texts[said[2 * place + 1]],
    }));
    const meaning = $('meaning');
    const buttons = [];
    const cells = [];
    const chars = [];
    const ofByte = Array.from({ length: frame.length }, () => []);
    fields.forEach((field, place) => {
      for (let at = field.start >> 3; at < (field.start + field.count + 7) >> 3; at++) ofByte[at].push(place);
    });
    let [onFields, onBytes] = [[], []];
    const light = (places) => {
      onFields.forEach((place) => buttons[place].classList.remove('on'));
      onBytes.forEach((at) => { cells[at].classList.remove('on'); chars[at].classList.remove('on'); });
      [onFields, onBytes] = [places, []];
      for (const place of places) {
        buttons[place].classList.add('on');
        const { start, count } = fields[place];
        for (let at = start >> 3; at < (start + count + 7) >> 3; at++) onBytes.push(at);
      }
      onBytes.forEach((at) => { cells[at].classList.add('on'); chars[at].classList.add('on'); });
      meaning.replaceChildren(...places.flatMap((place, nth) => told(fields[place], nth)));
      meaning.hidden = false;
    };
    const rove = (list, columns_) => (event) => {
      const at = list.indexOf(event.target);
      const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns_, ArrowDown: columns_, Home: -at, End: list.length - 1 - at };
      if (at < 0 || !(event.key in moves) || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation();
      const to = at + moves[event.key];
      if (to < 0 || to >= list.length) return;
      event.target.tabIndex = -1;
      list[to].tabIndex = 0;
      list[to].focus();
    };
    const perRow = $('panel').clientWidth >= 600 ? 16 : 8;
    frame.forEach((byte, at) => {
      const hex = byte.toString(16).padStart(2, '0');
      const mine = () => light(ofByte[at]);
      cells.push(h('button', { type: 'button', tabindex: at ? -1 : 0, 'aria-label': `byte ${at}: ${hex}, ${ofByte[at].map((place) => fields[place].name[0]).join(', ')}`, onfocus: mine, onpointerenter: mine, onclick: () => buttons[ofByte[at][0]].scrollIntoView({ block: 'nearest' }) }, hex));
      chars.push(h('span', {}, byte > 32 && byte < 127 ? String.fromCharCode(byte) : '·'));
    });
    const lines = [];
    for (let at = 0; at < frame.length; at += perRow) {
      lines.push(h('span', { class: 'offset', 'aria-hidden': 'true' }, at.toString(16).padStart(4, '0')), h('span', { class: 'bytes' }, ...cells.slice(at, at + perRow)), h('span', { class: 'chars', 'aria-hidden': 'true' }, ...chars.slice(at, at + perRow)));
    }
    const list = h('div', { class: 'fields', role: 'group', 'aria-label': 'Fields' });
    let layer = null;
    fields.forEach((field, place) => {
      if (field.layer !== layer) list.append(h('h4', {}, (layer = field.layer)));
      const mine = () => light([place]);
      const seen = () => { mine(); button.scrollIntoView({ block: 'nearest' }); };
      const button = h('button', { type: 'button', tabindex: place ? -1 : 0, onfocus: seen, onpointerenter: mine, onclick: mine }, h('span', {}, field.name[0]), h('span', { class: 'value' }, field.value, field.words && h('span', { class: 'words' }, ` ${field.words}`)));
      buttons.push(button);
      list.append(button);
    });
    const hex = h('div', { class: 'hex', role: 'group', 'aria-label': 'Bytes of the frame' }, ...lines);
    hex.addEventListener('keydown', rove(cells, perRow));
    list.addEventListener('keydown', rove(buttons, 1));
    const cut_ = length > frame.length ? ` of ${length}` : '';
    return [h('h3', {}, `The frame: ${frame.length}${cut_} bytes`), h('p', {}, 'Each byte belongs to a field: go to one to see which, and what it means.'), hex, list];
  }

  function told(field, nth) {
    const [title, meaning, source] = field.name;
    const rfc = /^RFC (\d+)(?:, section ([\d.]+))?/.exec(source);
    const where = rfc ? h('a', { href: `https://www.rfc-editor.org/rfc/rfc${rfc[1]}${rfc[2] ? `#section-${rfc[2]}` : ''}`, rel: 'noreferrer' }, source) : source;
    const bits = field.count % 8 || field.start % 8 ? `bit ${field.start % 8} of byte ${field.start >> 3}, ${plural(field.count, 'bit')}` : `byte ${field.start >> 3}, ${plural(field.count / 8, 'byte')}`;
    return [nth > 0 && h('br'), h('strong', {}, `${field.layer} ${title}`), ` ${field.value}${field.words ? ` (${field.words})` : ''}. ${meaning} `, h('span', {}, bits), source && '; ', where].filter(Boolean);
  }

  // ---- Going from one to the next ----

  function step(index, look) {
    const turns = (index < 0) !== (view.current < 0);
    view.current = index;
    if (turns) lay();
    if (index >= 0 && !placeOf.has(index)) reveal(marks[index]);
    if (index >= 0) inSight(ys[placeOf.get(index)], look);
    else $('scroll').scrollTop = 0;
    draw();
    panel();
    controls();
    const mark = marks[index];
    $('spoken').textContent = mark ? `${mark.kind === 'arrow' ? `${mark.from}: ` : `${mark.owner}: `}${mark.words}. ${mark.says}` : 'Overview';
    const hash = mark ? `#${mark.link}` : '#';
    if (location.hash !== hash && !(hash === '#' && !location.hash)) history.replaceState(null, '', hash);
  }

  /** A link may name what the filters hide. */
  function reveal(mark) {
    if (view.connection !== 'all') view.connection = mark.place;
    view.kinds.add(mark.sort);
    view.sides.add(mark.owner);
    if (mark.quiet) view.kinds.add('quiet');
    filters();
    choose();
    measure();
    lay();
  }

  function inSight(y, look) {
    const scroll = $('scroll');
    const top = scroll.scrollTop / view.zoom;
    const size = scroll.clientHeight / view.zoom;
    const margin = Math.min(size * 0.3, 120);
    if (look && (y < top || y > top + size)) scroll.scrollTop = (y - size / 2) * view.zoom;
    else if (y < top + margin) scroll.scrollTop = (y - margin) * view.zoom;
    else if (y > top + size - margin) scroll.scrollTop = (y - size + margin) * view.zoom;
  }

  function move(by) {
    // Where the mark is hidden by now, the one before it counts.
    const place = view.current < 0 ? -1 : placeOf.get(view.current) ?? lowest(shown, view.current) - 1;
    const to = Math.min(Math.max(place + by, -1), shown.length - 1);
    if (to !== place || to === -1) step(to < 0 ? -1 : shown[to]);
  }

  function controls() {
    const place = view.current < 0 ? -1 : placeOf.get(view.current) ?? -1;
    const slider = $('place');
    slider.max = shown.length;
    slider.value = place + 1;
    slider.disabled = view.asking;
    slider.setAttribute('aria-valuetext', place < 0 ? 'overview' : `event ${place + 1} of ${shown.length}`);
    $('count').textContent = place < 0 ? 'overview' : view.asking ? `event ${place + 1}` : `event ${place + 1} of ${shown.length}`;
    $('back').disabled = $('first').disabled = view.current < 0;
    $('next').disabled = place >= shown.length - 1;
    for (const [id, on] of [['time', view.trueTime], ['question', view.asking], ['absolute', view.absolute]]) {
      $(id).setAttribute('aria-pressed', on);
    }
    $('shorter').hidden = $('longer').hidden = !view.trueTime;
    $('scale').textContent = view.trueTime ? 'times are to scale, but for the folds' : 'times are not to scale: t makes them so';
  }

  function again() {
    choose();
    measure();
    lay();
    if (view.current >= 0 && placeOf.has(view.current)) inSight(ys[placeOf.get(view.current)], true);
    draw();
    panel();
    controls();
  }

  // ---- Search ----

  function find() {
    const words = view.query.toLowerCase();
    view.hits = new Set();
    if (words) {
      for (const index of shown) {
        const mark = marks[index];
        if (index > horizon()) break;
        mark.text ||= [mark.frame ? `frame ${mark.frame}` : '', mark.words, mark.data, mark.says, mark.owner, ...(mark.facts || []).map((fact) => fact.name), mark.why?.name].join(' ').toLowerCase();
        if (mark.text.includes(words)) view.hits.add(index);
      }
    }
    $('found').textContent = words ? `${view.hits.size} found` : '';
  }

  function nextHit(back) {
    const hits = [...view.hits];
    if (!hits.length) return;
    const after = back ? hits.filter((index) => index < view.current).pop() ?? hits[hits.length - 1] : hits.find((index) => index > view.current) ?? hits[0];
    step(after, true);
  }

  // ---- Filters, keys, and the rest ----

  function filters() {
    const check = (set, key, text) => {
      const box = h('input', { type: 'checkbox', id: `show-${key}` });
      box.checked = set.has(key);
      box.addEventListener('change', () => { box.checked ? set.add(key) : set.delete(key); again(); });
      return h('label', {}, box, ` ${text}`);
    };
    fill($('sides'), SIDES.map((side) => check(view.sides, side, side)));
    fill($('kinds'), KINDS.map(([kind, text]) => check(view.kinds, kind, text)));
    const several = scene.connections.length > 1;
    $('connections').hidden = !several;
    const options = [['all', `all ${scene.connections.length}`], ...scene.connections.map((diagram, place) => [String(place), `${diagram.connection + 1}: ${diagram.client.address}`])];
    if ($('connection').length !== options.length) $('connection').replaceChildren(...options.map(([value, text]) => h('option', { value }, text)));
    $('connection').value = String(view.connection);
  }

  const set = (name_, value) => { view[name_] = value; again(); };
  const zoomed = (by) => set('zoom', Math.min(Math.max(view.zoom * by, 0.4), 4));
  const stretched = (by) => set('stretch', Math.min(Math.max(view.stretch * by, 0.05), 400));
  const toggle = (name_) => set(name_, !view[name_]);

  function theme() {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
  }

  const KEYS = [
    ['→ ↓ j space', 'next event', ['ArrowRight', 'ArrowDown', 'j', ' '], () => move(1)],
    ['← ↑ k', 'event before', ['ArrowLeft', 'ArrowUp', 'k'], () => move(-1)],
    ['PageDown PageUp', 'ten events', ['PageDown'], () => move(10)],
    ['', '', ['PageUp'], () => move(-10)],
    ['Home End', 'overview, last event', ['Home'], () => step(-1)],
    ['', '', ['End'], () => { if (!view.asking && shown.length) step(shown[shown.length - 1]); }],
    ['q', 'ask: hide what comes next', ['q'], () => toggle('asking')],
    ['t', 'time true or even', ['t'], () => toggle('trueTime')],
    ['[ ]', 'less or more room for true time', ['['], () => stretched(1 / 1.5)],
    ['', '', [']'], () => stretched(1.5)],
    ['- +', 'smaller, larger', ['-'], () => zoomed(1 / 1.15)],
    ['', '', ['+', '='], () => zoomed(1.15)],
    ['o', 'open or close the fold before this event', ['o'], () => fold_()],
    ['a', 'numbers absolute or relative', ['a'], () => toggle('absolute')],
    ['b', 'to the bytes of the frame', ['b'], toBytes],
    ['/ n p', 'search; next, previous found', ['/'], () => $('search').focus()],
    ['', '', ['n'], () => nextHit(false)],
    ['', '', ['p'], () => nextHit(true)],
    ['f', 'filters', ['f'], () => { $('filters').open = !$('filters').open; $('filters').querySelector('summary').focus(); }],
    ['d', 'light or dark', ['d'], theme],
    ['? Esc', 'these keys; back to the diagram', ['?'], () => { $('help').open = !$('help').open; }],
  ];

  function toBytes() {
    const hex = document.querySelector('.hex');
    if (!hex) return;
    hex.previousElementSibling.previousElementSibling.scrollIntoView();
    hex.querySelector('button').focus({ preventScroll: true });
  }

  function fold_() {
    if (!placeOf.has(view.current)) return;
    view.open.has(view.current) ? view.open.delete(view.current) : view.open.add(view.current);
    again();
  }

  function key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { target } = event;
    if (event.key === 'Escape') {
      $('filters').open = $('help').open = false;
      $('scroll').focus();
      return;
    }
    const types = target.matches('input[type="search"], select') || (target.matches('input') && event.key.startsWith('Arrow'));
    if (types) return;
    const presses = target.matches('button, summary, a, input') && [' ', 'Enter'].includes(event.key);
    if (presses) return;
    const found = KEYS.find(([, , keys]) => keys.includes(event.key));
    if (!found) return;
    event.preventDefault();
    found[3]();
  }

  /** What the address of the page asks for: `#frame=22`. */
  function follow() {
    const asked = new URLSearchParams(location.hash.slice(1));
    if (asked.has('question')) view.asking = true;
    if (asked.has('true')) view.trueTime = true;
    const wanted = asked.has('frame') ? frameIndex(Number(asked.get('frame'))) : marks.findIndex((mark) => location.hash === `#${mark.link}`);
    const index = wanted === undefined ? -1 : wanted;
    if (asked.has('question') || asked.has('true')) again();
    if (index !== view.current) step(index, true);
  }

  function drag() {
    const scroll = $('scroll');
    let from = null;
    scroll.addEventListener('pointerdown', (event) => {
      if (event.pointerType === 'mouse' && event.button === 0) from = { y: event.clientY, top: scroll.scrollTop, moved: false };
    });
    addEventListener('pointermove', (event) => {
      if (!from) return;
      if (Math.abs(event.clientY - from.y) > 4) from.moved = true;
      if (from.moved) scroll.scrollTop = from.top - (event.clientY - from.y);
    });
    addEventListener('pointerup', () => { setTimeout(() => { from = null; }, 0); });
    scroll.addEventListener('click', (event) => {
      if (from?.moved) return;
      const group = event.target.closest('[data-index]');
      if (group) step(Number(group.dataset.index));
    });
    scroll.addEventListener('wheel', (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoomed(event.deltaY < 0 ? 1.08 : 1 / 1.08);
    }, { passive: false });
  }

  /** Takes in what there is to show. */
  function take(loaded) {
    load(loaded);
    findCarriers();
    if (scene.connections.length < 2) view.connection = 0;
    $('ends').textContent = scene.connections.length === 1
      ? `client ${scene.connections[0].client.address} → server ${scene.connections[0].server.address}`
      : plural(scene.connections_in_all, 'connection');
    filters();
  }

  /** Shows what a server does while it does it: each message holds all there is. */
  function listen() {
    // A page that is loaded again goes where it was, once there is something to go to.
    let wanted = location.hash;
    let newest = null;
    const told = new EventSource('events');
    told.addEventListener('message', (event) => {
      newest = event.data;
      $('save').hidden = false;
      $('found').textContent = '';
      const before = view.current >= 0 ? marks[view.current].link : null;
      // Whoever looks at the newest event goes along, as does who has seen none; others stay where they are.
      const follows = !view.asking && view.current === (shown[shown.length - 1] ?? -1);
      const connections = scene.connections.length;
      take(JSON.parse(event.data));
      if (follows && scene.connections.length > connections && view.connection !== 'all') view.connection = scene.connections.length - 1;
      view.current = before ? marks.findIndex((mark) => mark.link === before) : -1;
      filters();
      choose();
      measure();
      lay();
      if (follows && shown.length) step(shown[shown.length - 1]);
      else draw();
      if (view.current < 0) panel($('panel').scrollTop);
      controls();
      if (wanted.length > 1) {
        history.replaceState(null, '', wanted);
        follow();
      }
      wanted = '';
    });
    told.addEventListener('end', () => {
      told.close();
      $('found').textContent = 'it has ended';
    });
    told.addEventListener('error', () => {
      $('found').textContent = 'lab does not answer: what it told until then is here';
    });
    $('save').addEventListener('click', () => {
      const whole = SOURCE.replace('id="data">null<', () => `id="data">${newest.replaceAll('<', '\\u003c')}<`);
      const file = URL.createObjectURL(new Blob(['<!doctype html>\n', whole], { type: 'text/html' }));
      h('a', { href: file, download: `${document.title}.html` }).click();
      setTimeout(() => URL.revokeObjectURL(file), 60000);
    });
  }

  function begin() {
    const there = JSON.parse($('data').textContent);
    take(there || NOTHING);
    if (!there) listen();
    $('keys').replaceChildren(...KEYS.filter(([keys]) => keys).flatMap(([keys, text]) => [h('dt', {}, keys), h('dd', {}, text)]));
    const clicks = {
      first: () => step(-1), back: () => move(-1), next: () => move(1), time: () => toggle('trueTime'), question: () => toggle('asking'),
      absolute: () => toggle('absolute'), theme, smaller: () => zoomed(1 / 1.15), larger: () => zoomed(1.15), shorter: () => stretched(1 / 1.5), longer: () => stretched(1.5),
    };
    for (const [id, action] of Object.entries(clicks)) $(id).addEventListener('click', action);
    $('place').addEventListener('input', (event) => step(event.target.value > 0 ? shown[event.target.value - 1] : -1, true));
    $('connection').addEventListener('change', (event) => {
      view.current = -1;
      set('connection', event.target.value === 'all' ? 'all' : Number(event.target.value));
    });
    $('search').addEventListener('input', (event) => { view.query = event.target.value; find(); draw(); });
    $('search').addEventListener('keydown', (event) => { if (event.key === 'Enter') nextHit(event.shiftKey); });
    addEventListener('keydown', key);
    addEventListener('hashchange', follow);
    addEventListener('resize', again);
    addEventListener('beforeprint', () => { measure(); lay(true); draw(true); });
    addEventListener('afterprint', again);
    let asked = false;
    $('scroll').addEventListener('scroll', () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => { asked = false; draw(); });
    }, { passive: true });
    drag();
    again();
    follow();
    $('scroll').focus({ preventScroll: true });
  }

  begin();
})();
