import sys

from gunicorn.app.wsgiapp import run


def application(environ, start_response):
    """Answers without a look at the body of the request."""
    start_response("200 OK", [("Content-Length", "6")])
    return [b"hello\n"]


if __name__ == "__main__":
    sys.argv = ["gunicorn", "--bind", "127.0.0.1:3000", "--chdir", sys.path[0], "server:application"]
    run()
