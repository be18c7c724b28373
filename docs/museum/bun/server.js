Bun.serve({
  port: 3000,
  hostname: '127.0.0.1',
  fetch: () => new Response('x'.repeat(8_000_000)),
})
