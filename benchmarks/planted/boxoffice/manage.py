"""The command line for the people who run the box office."""

import sys
import time

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from boxoffice.models import engine
from boxoffice.tasks import reports


def wait_for_database(seconds=30):
    """Wait until the database answers."""
    for _ in range(seconds):
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
                return
        except OperationalError:
            time.sleep(1)
    sys.exit("the database does not answer")


def main(arguments):
    """Print what a show has taken."""
    if len(arguments) != 1:
        print("usage: manage SHOW")
        sys.exit(2)
    wait_for_database()
    print(reports.takings_of.delay(int(arguments[0])).get(timeout=30))


if __name__ == "__main__":
    main(sys.argv[1:])
