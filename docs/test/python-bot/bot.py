"""The bot and its web server, which run.py starts: this file by itself defines them and ends, as the original's."""

import logging
from contextlib import asynccontextmanager

import uvicorn
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from fastapi import FastAPI, HTTPException, Request

import config

session = AiohttpSession(api=TelegramAPIServer.from_base(config.TELEGRAM_API_ROOT))
bot = Bot(config.TOKEN, session=session)
dp = Dispatcher()


@asynccontextmanager
async def lifespan(app: FastAPI):
    await bot.set_webhook(url=config.WEBHOOK_URL, secret_token=config.WEBHOOK_SECRET_TOKEN)
    for admin in config.ADMIN_ID_LIST:
        await bot.send_message(admin, "Bot is working")
    yield
    logging.warning("Shutting down..")
    await bot.delete_webhook()
    await bot.session.close()


app = FastAPI(lifespan=lifespan)


@app.post(config.WEBHOOK_PATH)
async def webhook(request: Request):
    if request.headers.get("X-Telegram-Bot-Api-Secret-Token") != config.WEBHOOK_SECRET_TOKEN:
        raise HTTPException(status_code=401, detail="Unauthorized")
    await dp.feed_webhook_update(bot, await request.json())
    return {"status": "ok"}


def main() -> None:
    uvicorn.run(app, host=config.WEBAPP_HOST, port=config.WEBAPP_PORT)
