# One sendall of the whole reply; with closes the socket.
import socket
import sys
import threading


def handle(client):
    with client, client.makefile("rb") as lines:
        for line in lines:
            client.sendall(line.strip() + b"\n")  # reply


host, port = sys.argv[1].split(":")
with socket.create_server((host, int(port))) as server:
    while True:
        client, _ = server.accept()
        threading.Thread(target=handle, args=[client]).start()
