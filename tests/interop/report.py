"""The table that the interop tests print, and the count at its end."""


class Report:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def heading(self, text):
        print(f"\n{text}", flush=True)

    def check(self, name, run):
        """`run` returns (good, what to say); an exception is a failure."""
        try:
            good, said = run()
        except Exception as error:                       # a broken case must not hide the others
            lines = str(error).strip().splitlines()
            good, said = False, f"{type(error).__name__}: {lines[0] if lines else ''}"
        self.passed += bool(good)
        self.failed += not good
        print(f"  {'ok  ' if good else 'FAIL'}  {name:44}  {said}", flush=True)

    def skip(self, name, why):
        self.skipped += 1
        print(f"  skip  {name:44}  {why}", flush=True)

    def finish(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        print(f"\n{self.passed} passed, {self.failed} failed{skipped}", flush=True)
        return 1 if self.failed else 0
