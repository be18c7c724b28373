"""Checks every link of the pages in a folder that mdBook made. Ends with a line as cargo's tests do."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.links.append(value)
            if name in ("id", "name") and value:
                self.anchors.add(value)


def broken(pages, path, link, folder):
    """Why a link leads nowhere, or nothing."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None  # outside: a check must not depend on somebody's server
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_relative_to(folder):
        return "leads out of the book"
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "is not there"
    # What the pages to touch keep after the # is not an anchor: their own tests look at it.
    anchor = unquote(parts.fragment)
    if anchor and "=" not in anchor and target in pages and anchor not in pages[target].anchors:
        return "has no such anchor"
    return None


def main():
    folder = Path(sys.argv[1]).resolve()
    # 404.html is shown by a web server for any path, so its links start at the server's root.
    files = [path for path in folder.rglob("*.html") if path.name not in ("404.html", "toc.html")]
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in files}
    checked, failed = 0, 0
    for path, page in sorted(pages.items()):
        reasons = {link: broken(pages, path, link, folder) for link in page.links}
        complaints = [f"{link} {reason}" for link, reason in reasons.items() if reason]
        checked += len(reasons)
        failed += bool(complaints)
        for complaint in complaints:
            print(f"{path.relative_to(folder)}: {complaint}")
    if checked < 500:
        failed += 1
        print(f"only {checked} links in {folder}: is this the book?")
    print(f"{checked} links in {len(pages)} pages of the book")
    result, passed = ("FAILED" if failed else "ok"), max(len(pages) - failed, 0)
    print(f"test result: {result}. {passed} passed; {failed} failed; 0 ignored")
    sys.exit(failed > 0)


main()
