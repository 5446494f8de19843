"""Photos that a program of ours makes: two everyday scenes, with the exact mask of each object.

``tracer`` follows light through the triangles, which ``rays`` finds in a tree; ``meshes`` makes shapes, ``textures``
makes surfaces; ``desk`` and ``kitchen`` say what stands where. ``python -m docs.sample_photos`` renders both; it needs
numba, which nothing else here needs. The photos are in ``notebooks/photos``.
"""
