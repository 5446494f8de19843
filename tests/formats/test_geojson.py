"""GeoJSON: there and back in pixels and on the earth, with shapely, geopandas and rasterio, and files of strangers."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin

from samwidget.errors import FormatError, SamWidgetWarning
from samwidget.formats import DataSet, LabelledImage, LabelledObject
from samwidget.formats.geojson import checked_affine, read_geojson, write_geojson
from samwidget.formats.geotiff import GeoReference, geo_reference
from tests.formats.masks import PICTURE, data_sets, plain_images, runs_of

UTM = (0.5, 0.0, 399_000.0, 0.0, -0.5, 5_800_000.0)
TURNED = (0.3, 0.4, 10.0, 0.4, -0.3, 20.0)
SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]}
POINT, AREA, MATRIX, SCALE, TIE, KEYS = 2, 1, 34264, 33550, 33922, 34735


def written(tmp_path, *features):
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def feature(geometry=SQUARE, **properties):
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def data_of(*objects, size_hw=(7, 7), **options):
    return DataSet((LabelledImage("a.png", size_hw, objects, **options),))


def geotiff(path, raster_type=AREA, matrix=None, epsg=32633):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    if matrix:
        tags[MATRIX] = matrix
        tags.tagtype[MATRIX] = 12
    else:
        tags[SCALE], tags[TIE] = (0.5, 0.5, 0.0), (0.0, 0.0, 0.0, 399_000.0, 5_800_000.0, 0.0)
        tags.tagtype[SCALE] = tags.tagtype[TIE] = 12
    tags[KEYS] = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, raster_type, 3072, 0, 1, epsg)
    tags.tagtype[KEYS] = 3
    Image.new("L", (7, 7)).save(path, tiffinfo=tags)
    return path


@settings(deadline=None, max_examples=60)
@given(data_sets(), st.sampled_from([None, UTM, TURNED]))
def test_there_and_back(tmp_path_factory, data, transform):
    folder = tmp_path_factory.mktemp("geojson") / "set"
    write_geojson(data, folder, transform=transform)
    assert plain_images(read_geojson(folder)) == plain_images(data)


def test_a_file_by_eye(tmp_path):
    ring = LabelledObject(runs_of("###", "#.#", "###"), class_name="cat", name="Tom", score=0.5)
    write_geojson(data_of(ring, LabelledObject(box=(0.5, 0, 3, 1)), size_hw=(3, 3)), tmp_path / "a.geojson")
    assert json.loads((tmp_path / "a.geojson").read_text()) == {
        "type": "FeatureCollection",
        "samwidget": {"image": "a.png", "size": [3, 3], "transform": None},
        "features": [
            {
                "type": "Feature",
                "properties": {"name": "Tom", "class": "cat", "score": 0.5},
                "geometry": {
                    "type": "Polygon",
                    "coordinates": [
                        [[0, 0], [3, 0], [3, 3], [0, 3], [0, 0]],
                        [[1, 2], [2, 2], [2, 1], [1, 1], [1, 2]],
                    ],
                },
            },
            {
                "type": "Feature",
                "properties": {"name": None, "class": None, "score": None, "is_box": True},
                "geometry": {
                    "type": "Polygon",
                    "coordinates": [[[0.5, 0], [3, 0], [3, 1], [0.5, 1], [0.5, 0]]],
                },
            },
        ],
    }


@settings(deadline=None, max_examples=40)
@given(data_sets(boxes=False, images_max=1), st.sampled_from([None, UTM, TURNED]))
def test_shapely_finds_it_valid_and_of_the_same_area(tmp_path_factory, data, transform):
    shapely = pytest.importorskip("shapely")
    from shapely.geometry import shape

    path = tmp_path_factory.mktemp("geojson") / "a.geojson"
    write_geojson(data, path, transform=transform)
    pixel = 1 if transform is None else abs(transform[0] * transform[4] - transform[1] * transform[3])
    objects = next(iter(data.images)).objects
    for item, described in zip(objects, json.loads(path.read_text())["features"], strict=True):
        geometry = shape(described["geometry"])
        assert shapely.is_valid(geometry)
        assert geometry.area == pytest.approx(item.area * pixel, rel=1e-6)
        polygons = geometry.geoms if geometry.geom_type == "MultiPolygon" else [geometry]
        assert all(polygon.exterior.is_ccw for polygon in polygons)
        assert not any(hole.is_ccw for polygon in polygons for hole in polygon.interiors)


def test_a_geotiff_gives_its_place(tmp_path):
    image = geotiff(tmp_path / "a.tif")
    assert geo_reference(image) == GeoReference(UTM, 32633)
    write_geojson(data_of(LabelledObject(runs_of(*PICTURE)), path=image), tmp_path / "a.geojson")
    value = json.loads((tmp_path / "a.geojson").read_text())
    assert value["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::32633"
    assert value["samwidget"]["transform"] == list(UTM)
    assert [399_000.0, 5_800_000.0] in value["features"][0]["geometry"]["coordinates"][0][0]
    assert next(iter(read_geojson(tmp_path / "a.geojson").images)).objects[0].area == runs_of(*PICTURE).area


def test_a_file_of_another_program_has_the_coordinates_of_the_geotiff(tmp_path):
    image = geotiff(tmp_path / "a.tif")
    corner = [[399_000, 5_800_000], [399_001, 5_800_000], [399_001, 5_799_999], [399_000, 5_799_999]]
    path = written(tmp_path, feature({"type": "Polygon", "coordinates": [corner]}))
    (loaded,) = read_geojson(path, (7, 7), image).images
    assert loaded.objects[0].box_xyxy == (0, 0, 2, 2)
    path = written(tmp_path, feature())
    assert next(iter(read_geojson(path, (7, 7), image, transform=None).images)).objects[0].area == 4


def test_tags_of_geotiffs(tmp_path):
    shifted = (0.5, 0.0, 398_999.75, 0.0, -0.5, 5_800_000.25)
    assert geo_reference(geotiff(tmp_path / "a.tif", POINT)) == GeoReference(shifted, 32633)
    matrix = (0.3, 0.4, 0.0, 10.0, 0.4, -0.3, 0.0, 20.0, *([0.0] * 7), 1.0)
    assert geo_reference(geotiff(tmp_path / "b.tif", matrix=matrix, epsg=32767)) == GeoReference(TURNED, None)
    Image.new("L", (2, 2)).save(tmp_path / "c.tif")
    (tmp_path / "d.tif").write_text("text")
    assert [geo_reference(tmp_path / name) for name in ("c.tif", "d.tif", "e.tif")] == [None] * 3


@pytest.mark.parametrize("raster_type", [AREA, POINT])
def test_rasterio_has_the_same_place(tmp_path, raster_type):
    rasterio = pytest.importorskip("rasterio")
    place = geo_reference(geotiff(tmp_path / "a.tif", raster_type))
    with rasterio.open(tmp_path / "a.tif") as file:
        assert (tuple(file.transform)[:6], file.crs.to_epsg()) == (place.affine, place.epsg)


@pytest.mark.parametrize("epsg", [32633, 4326])
def test_geopandas_reads_it(tmp_path, epsg):
    geopandas = pytest.importorskip("geopandas")
    features = pytest.importorskip("rasterio.features")
    mask = runs_of(*PICTURE)
    item = LabelledObject(mask, class_name="cat", name="Tom", score=0.5)
    write_geojson(data_of(item), tmp_path / "a.geojson", transform=UTM, epsg=epsg)
    frame = geopandas.read_file(tmp_path / "a.geojson")
    assert frame.crs.to_epsg() == epsg or epsg == 4326
    assert frame[["name", "class", "score"]].to_numpy().tolist() == [["Tom", "cat", 0.5]]
    from rasterio import Affine

    burnt = features.rasterize(frame.geometry, (7, 7), transform=Affine(*UTM))
    np.testing.assert_array_equal(burnt.astype(bool), mask.to_mask())


@pytest.mark.parametrize("transform", [(1, 2, 3), (1, 2, 3, 2, 4, 6), "here", (1, 0, 0, 0, float("nan"), 0)])
def test_an_affine_has_six_numbers_and_an_inverse(tmp_path, transform):
    with pytest.raises(FormatError, match="transform is"):
        checked_affine(transform)


def test_files_of_others(tmp_path):
    both = {"type": "MultiPolygon", "coordinates": [SQUARE["coordinates"], [[[3, 3, 9], [4, 3, 9], [4, 4, 9]]]]}
    path = written(tmp_path, feature(classification={"name": "cat"}), feature(both, name="Tom"), feature())
    (image,) = read_geojson(path, (5, 5)).images
    assert [(item.area, item.class_name, item.name) for item in image.objects] == [
        (4, "cat", None), (4, None, "Tom"), (4, None, None),
    ]  # fmt: skip
    for value in (SQUARE, feature()):
        path.write_text(json.dumps(value))
        assert [item.area for item in next(iter(read_geojson(path, (5, 5)).images)).objects] == [4]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (feature({"type": "Point", "coordinates": [1, 1]}), r"features\[1\]: left out, a Point has no area"),
        (feature({"type": "Polygon", "coordinates": [[[99, 99], [100, 99], [100, 100]]]}), "give transform"),
        (feature({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}), "the polygon is"),
        (feature(None), "it cannot be read"),
    ],
)
def test_what_cannot_be_taken_is_named_and_the_rest_is_kept(tmp_path, bad, message):
    with pytest.warns(SamWidgetWarning, match=message):
        (image,) = read_geojson(written(tmp_path, feature(), bad), (5, 5)).images
    assert len(image.objects) == 1


def test_other_files_are_refused(tmp_path):
    path = written(tmp_path)
    with pytest.raises(FormatError, match="does not have the size"):
        read_geojson(path)
    path.write_text('{"type": "Topology"}')
    with pytest.raises(FormatError, match="is not a GeoJSON file of polygons"):
        read_geojson(path, (5, 5))
    path.unlink()
    with pytest.raises(FormatError, match="has no GeoJSON file"):
        read_geojson(tmp_path)
