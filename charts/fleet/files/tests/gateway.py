"""Does the gateway live, and would it take submissions?"""

import urllib.request

for path in ("/health", "/ready"):
    with urllib.request.urlopen("@URL@" + path, timeout=20) as answer:
        print(path, answer.status)
