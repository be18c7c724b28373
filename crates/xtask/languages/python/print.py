# print, to a text file made of the socket. Nothing calls close.
import socket
import sys
import threading


def handle(client):
    file = client.makefile("rw")
    for line in file:
        print(line.strip(), file=file, flush=True)  # reply


host, port = sys.argv[1].split(":")
with socket.create_server((host, int(port))) as server:
    while True:
        client, _ = server.accept()
        threading.Thread(target=handle, args=[client]).start()
