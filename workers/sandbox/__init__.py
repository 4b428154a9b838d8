"""How is code nobody trusts run so that it can hurt nobody?

`run` starts a fresh interpreter, `inside` is what happens in there before the code gets a turn: namespaces, an empty
file system, resource limits, Landlock, seccomp. Whatever the machine cannot give is reported, and when that leaves a
required guarantee open the code is refused, never run. Nothing in here knows of language models, tasks or Celery.
"""
