"""How a fit goes on the terminal: the bar of a training, or one for what is no run."""

from vaestro.cli.progress import TerminalDisplay
from vaestro.cli.step_bar import StepBar


class TerminalFit:
    """`tick` draws a bar with the time left on a terminal, and writes a line every few seconds
    where there is none; `training` shows a second VAE's training."""

    def __init__(self) -> None:
        self.training = TerminalDisplay()
        self.bar = StepBar(lambda: self._word)
        self._word = ""

    def tick(self, done: int, most: int, word: str) -> None:
        """`done` of at most `most` steps; `word`: how it goes."""
        self._word = word
        if not self.bar.total:
            self.bar.open(most, done)
        self.bar.stepped(done)

    def close(self) -> None:
        """Take the bars away."""
        self.training.close()
        self.bar.close()
