"""Tests of the training of models."""
