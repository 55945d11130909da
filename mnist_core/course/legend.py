"""`docs/results.md`: what the page is, and how its figures, marks and words are to be read."""

from __future__ import annotations

from mnist_core.course.outcome import COLLAPSE, DEVIATIONS, ENOUGH, FEW_SEEDS, LAST, MOST, USUAL
from mnist_core.runs.figures import TARGET_ACCURACY

TARGET = f"{100 * TARGET_ACCURACY:.2f}"


def _percent(share: float) -> str:
    return f"{100 * share:g}"


HEAD = """\
# The published experiments, trained again

Every published experiment with its own layers, recipe and epochs on MNIST, beside what its document reports.
`python -m mnist_core reproduce` trains what is missing, seed by seed, and goes on where it was stopped; its
rows, with the curves, are in `mnist_core/course/results.jsonl`. `python -m mnist_core reproduce --report`
writes this page from them. Written by hand are only notes on a document, how a record was found, and a reason
where ours differ.
"""

HOW_TO_READ = f"""\
## How to read it

- Accuracies are percent of the 10,000 test images; train: of the 60,000 as the net saw them, augmented and
  with dropout, averaged over the epoch, as in the notebooks. Published figures are those of one run.
- *Last* is the last epoch's weights: mean ± standard deviation over the seeds. Nothing is selected on the
  test set; *best* is told beside it, for every seed, with its epoch. *≥ {TARGET}* counts epochs.
- *Seconds* are those of one seed, with the letter of its machine, see the end: on a processor its own time,
  which other programs do not sway; on a GPU, where several seeds were trained side by side, the clock's.
- **Differs** marks ours when its mean lies more than {DEVIATIONS:g} standard deviations from what was
  published for the same epoch: at most {_percent(MOST)} points and, with fewer than {ENOUGH} seeds, at least
  {_percent(FEW_SEEDS)}. That is strict, as the published run is one of chance, too: of nets that do not
  differ at all it marks one in five with three seeds, one in seven with five. The mean of the last {LAST}
  epochs then tells more.
- A seed that ends more than {_percent(COLLAPSE)} points below the best one of its net has *collapsed*. It
  counts in the mean; what a step brought and how the net fits is told without it.
- *Within chance*: a difference of two means below {DEVIATIONS:g} of its standard errors. As a few seeds may
  happen to lie close together, a deviation is taken to be at least the usual one, {_percent(USUAL)} % of the
  errors.
- Over- and underfitting are judged as on the page Train: by the gap between train and test accuracy in the
  last epoch, and by how far the test loss has risen since its lowest; of several seeds, by their mean curves.
- Fields are receptive fields in pixels of the image, padding included.
- The net of 6.4 million params is trained for fewer epochs on a processor; the table then says so, and what
  is compared is the published figure of the same epoch.
- Two things are not as in the notebooks: the random numbers, and the test images of "Ten steps", which most
  of its notebooks normalise with mean 0.1325 and deviation 0.3105; here they are treated as the others.
"""
