"""What is wrong with this source code? Real scanners, one merged answer.

`payload` says what may be asked, `tree` lays the source out on disk (through `unpack` for archives), `engines` run the
scanners, `findings` merges what they say, `sarif` writes it for other tools, `scan` reads as the story of one task.
"""
