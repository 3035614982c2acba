"""
Listens on a port of the loopback interface with a queue that is full, so that the system drops the SYN packets of further
connections, as a firewall does. Prints the port, and ends when its input does.
"""

import socket
import sys

server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(0)
port = server.getsockname()[1]
held = []
for _ in range(4):
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", port))
    held.append(client)
print(port, flush=True)
sys.stdin.read()
