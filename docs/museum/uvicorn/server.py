import asyncio

import uvicorn


class App:
    """Answers with the body of the request."""

    def __init__(self, scope):
        if scope["type"] != "http":
            raise NotImplementedError

    async def __call__(self, receive, send):
        body = (await receive())["body"]
        length = str(len(body)).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": body})


asyncio.set_event_loop(asyncio.new_event_loop())
uvicorn.run(App, host="127.0.0.1", port=3000, loop="asyncio", http="httptools")
