"""A gallery of small foreign VAEs, planted bugs and healthy ones, for the blind test of the doctor.

Every model is plain torch, written as people write them, and trained in a second or two on one
thread. What each should be called was decided from the mathematics, without the doctor's code:
`python -m tests.gallery` trains all of them and writes the doctor's names beside the right ones.
"""
