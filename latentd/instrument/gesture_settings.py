"""The `gesture:` section of a mapping: how a device's numbers become pad points, and who leads. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from latentd.schema.documents import Strict


class Filter(Strict):
    """One-euro filter (Casiez, Roussel and Vogel 2012): little lag when moving, no jitter at rest."""

    min_cutoff_hz: float = Field(default=2.0, gt=0.0, le=1000.0, description="cutoff at rest: lower is calmer")
    beta: float = Field(default=4.0, ge=0.0, le=1000.0, description="cutoff gained per pad width a second")
    derivative_cutoff_hz: float = Field(default=1.0, gt=0.0, le=1000.0, description="cutoff of the speed estimate")


class GestureSettings(Strict):
    """The `gesture:` section of a mapping: how this device's numbers become pad points 0..1, x right and y up."""

    # Not strict, because YAML has lists where Python has tuples; the numbers in them are strict.
    range_x: tuple[float, float] = Field(
        default=(0.0, 1.0), strict=False, description="device values at the left and right edge"
    )
    range_y: tuple[float, float] = Field(
        default=(0.0, 1.0), strict=False, description="device values at the bottom and top edge"
    )
    swap: bool = Field(default=False, description="the device sends y first")
    invert_x: bool = Field(default=False, description="the device's x grows to the left")
    invert_y: bool = Field(default=False, description="the device's y grows downwards")
    curve: float = Field(default=1.0, gt=0.0, le=10.0, description="exponent around the centre: above 1 is finer there")
    dead_zone: float = Field(default=0.0, ge=0.0, lt=0.5, description="half width around the centre that reads as it")
    filter: Filter | None = Field(default_factory=Filter, description="null switches the filter off")
    timeout_s: float | None = Field(
        default=None, gt=0.0, description="no message for so long counts as touch off (null: 10 s, without touch 0.5 s)"
    )
    priority: int = Field(default=0, description="the touched source of highest priority leads")
    pickup: Literal["jump", "soft"] = Field(
        default="jump", description="soft: each axis takes over only once it comes near the present point"
    )
    retake: float = Field(
        default=0.05,
        ge=0.0,
        le=1.0,
        description="while it goes on sending, how far it must move to lead after a landmark",
    )

    @field_validator("range_x", "range_y")
    @classmethod
    def _not_empty(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] == value[1]:
            raise ValueError("the two ends of a range must differ")
        return value
