"""Feedback alignment in PyTorch, the paper's way: an autograd extension that the classification comparisons share."""

from __future__ import annotations

import torch


class FeedbackAlignment(torch.autograd.Function):
    """H beta (samples x width times width x outputs) whose error goes back through b, fixed, of beta's shape."""

    @staticmethod
    def forward(ctx, h, beta, b):
        ctx.save_for_backward(h, b)
        return h @ beta

    @staticmethod
    def backward(ctx, e):
        h, b = ctx.saved_tensors
        return e @ b.t(), h.t() @ e, None
