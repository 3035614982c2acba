#!/bin/sh
# What a bot in a container needs to log in by itself: a policy that reads its document, and a role with it. Leaves the role
# id and a new secret id in /login, for the user and the group of the server's image. It can be run again.
set -eu
umask 077

bao audit list > /dev/null # fails, and ends this, if nothing is audited
bao policy write aiogram-shop /setup/shop-policy.hcl
bao auth list -format=json | grep -q '"approle/"' || bao auth enable approle
bao write auth/approle/role/shop token_policies=aiogram-shop token_ttl=1h token_max_ttl=24h
bao read -field=role_id auth/approle/role/shop/role-id > /login/role-id
bao write -force -field=secret_id auth/approle/role/shop/secret-id > /login/secret-id
chown -R openbao /login
