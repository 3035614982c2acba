"""The program: adds what the bot answers, and starts it. A stand-in, see config.py."""

import logging

from aiogram import Router, types
from aiogram.filters import Command

import config
from bot import dp, main

logging.basicConfig(level=logging.INFO)
router = Router()


@router.message(Command(commands=["start", "help"]))
async def start(message: types.Message):
    await message.answer(f"Welcome. Help: {config.SUPPORT_LINK}")


if __name__ == "__main__":
    dp.include_router(router)
    main()
