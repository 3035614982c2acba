"""Writes the users of Redis into the file that its option --aclfile names: one, whose password is known by its hash."""

import hashlib
import os
import sys

password = hashlib.sha256(os.environ["REDIS_PASSWORD"].encode()).hexdigest()
with open(sys.argv[1], "w") as file:
    file.write(f"user default on #{password} ~* &* +@all\n")
