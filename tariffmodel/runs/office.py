"""How is an office file the same to the byte whenever it is written?"""

from __future__ import annotations

import re
from datetime import date, datetime
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo


def dated(content: bytes, as_of: date) -> bytes:
    """An Office file, and those inside it, as if made on the morning of `as_of`: it is a zip archive.

    >>> content = BytesIO()
    >>> with ZipFile(content, "w") as archive:
    ...     archive.writestr("a.xml", "<a/>")
    >>> ZipFile(BytesIO(dated(content.getvalue(), date(2026, 10, 30)))).infolist()[0].date_time
    (2026, 10, 30, 0, 0, 0)
    """
    day, fresh = datetime(as_of.year, as_of.month, as_of.day), BytesIO()  # noqa: DTZ001  nor has the archive
    with ZipFile(BytesIO(content)) as old, ZipFile(fresh, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = old.read(name)
            if name.endswith(".xlsx"):  # the figures behind a native chart
                part = dated(part, as_of)
            elif name == "docProps/core.xml":
                stamp = f">{day.isoformat()}Z<".encode()
                part = re.sub(rb">\d{4}-\d\d-\d\dT[\d:]+Z<", stamp, part)
            new.writestr(ZipInfo(name, day.timetuple()[:6]), part, ZIP_DEFLATED)
    return fresh.getvalue()
