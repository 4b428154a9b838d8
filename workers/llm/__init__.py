"""Who completes a prompt, and what did it use?

`provider` is the seam; `openai_compatible` and `anthropic` implement it over HTTP; `server` is the embedded model's own
program, reached through the first of them. No Celery, no Redis and no prices in here: a completion says what it used,
others say what that costs.
"""
