"""What a performer plays: points, gestures, the pad, motions and shaping. Pure; time is an argument."""
