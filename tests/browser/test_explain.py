"""A film plays on a canvas, in a page without a kernel, and a figure follows the clicks in a widget beside it."""

FILM = """from samwidget import Prompt, SamPredictor, explain
steps = explain.steps(SamPredictor.from_pretrained(), 'coffee.jpg', Prompt().with_point(300, 200, 1))
film = explain.decode_film(steps)
player = explain.play(film)"""
# Coloured pixels of the live canvas, one of each thousand.
COLOURED = """() => {
  const canvas = document.querySelector('.widget-play')?.closest('.widget-vbox')?.querySelector('canvas');
  const context = canvas?.getContext('2d');
  if (!context?.getImageData) return 0;
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4000) {
    const rgb = data.slice(i, i + 3);
    count += Math.max(...rgb) - Math.min(...rgb) > 40;
  }
  return count;
}"""


def test_a_film_plays_live_and_recorded(warm_notebook):
    notebook = warm_notebook(FILM, "film")
    page = notebook.page
    page.wait_for_function(f"({COLOURED})() > 50")
    page.locator(".widget-toggle-button").get_by_text("One number").click()
    notebook.wait_for_python("player.details.value == 'One number' and player.slider.value == 0")
    page.locator(".widget-play button").first.click()
    notebook.wait_for_python("player.slider.value >= 2")
    # The recording of the live film stays hidden; the other cell's film is the recorded player itself.
    live, recorded = page.locator(".samwidget-film").all()
    assert live.is_hidden()
    recorded.get_by_role("button", name="Module by module").click()
    recorded.get_by_role("slider").fill("2")
    assert recorded.get_attribute("data-scene") == "1 2"
    recorded.get_by_role("button", name="Play").click()
    page.wait_for_function("(node) => Number(node.dataset.scene.split(' ')[1]) >= 3", arg=recorded.element_handle())


def test_a_figure_follows_the_clicks(warm_notebook):
    notebook = warm_notebook(
        "from samwidget import SamWidget, explain\nw = SamWidget('coffee.jpg')\nw",
        "figure = explain.follow(w, explain.draw_candidates)\nfigure",
    )
    widget = notebook.widget().ready()
    widget.click(300, 200)
    notebook.wait_for_python("figure.steps is not None and len(figure._picture.value) > 1000")
    image = notebook.page.locator(".widget-image")
    image.scroll_into_view_if_needed()
    notebook.page.wait_for_function("(image) => image.naturalWidth > 900", arg=image.element_handle())
