"""In the place of your bot: logs in to Redis with the password that Keyfall has put into its environment, and keeps a file."""

import os
import signal
import socket

password = os.environ["REDIS_PASSWORD"].encode()
with socket.create_connection(("redis", 6379), timeout=5) as redis:
    redis.sendall(b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n" % (len(password), password))
    answer = redis.recv(100).decode().strip()
if answer != "+OK":
    raise SystemExit(f"Redis says: {answer}")
open("data/database.db", "a").close()
print("The bot runs, and Redis accepts its password.", flush=True)
signal.signal(signal.SIGTERM, lambda *_: exit(0))
signal.pause()
