import asyncio

from wyoming.info import Describe, Info
from wyoming.server import AsyncEventHandler, AsyncServer


class Handler(AsyncEventHandler):
    async def handle_event(self, event):
        if Describe.is_type(event.type):
            await self.write_event(Info().event())
        return True


async def main():
    server = AsyncServer.from_uri("tcp://127.0.0.1:3000")
    await server.run(Handler)


asyncio.run(main())
