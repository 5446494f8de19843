"""All objects of an image: a grid of points is asked, and the good, stable and different masks are kept."""
