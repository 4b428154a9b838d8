"""What happened in the day, week or month, and what must somebody do about it?

`gather` reads recorded numbers, `sections` judges them against goals and the period before, `page` shows the result.
"""
