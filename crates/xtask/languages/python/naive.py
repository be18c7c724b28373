# Two writes: the stripped line, as in the example of socketserver's documentation, and its newline.
import socketserver
import sys


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.strip())  # reply
            self.wfile.write(b"\n")  # reply


host, port = sys.argv[1].split(":")
with socketserver.ThreadingTCPServer((host, int(port)), Echo) as server:
    server.serve_forever()
