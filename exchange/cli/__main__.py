"""`python -m exchange.cli`"""

from exchange.cli.main import main

main()
