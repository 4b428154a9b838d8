"""How do programs that speak HTTP use the fleet?

One table of routes (`routes.py`) from which the server, the OpenAPI document and the tests of who may do what are made.
Handlers are thin: they ask or tell a package below and shape the answer. What may not live here: decisions about tasks,
money or scaling.
"""
