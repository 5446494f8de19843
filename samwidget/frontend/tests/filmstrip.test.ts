import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Filmstrip } from "../src/filmstrip.ts";
import type { Request } from "../src/protocol.ts";
import { imageRows, OpenedView } from "./opened_view.ts";

let opened: OpenedView;
let filmstrip: Filmstrip;

beforeEach(() => {
  vi.useFakeTimers();
  opened = new OpenedView();
  filmstrip = opened.view.filmstrip;
});

afterEach(() => {
  opened.scope.end();
  vi.useRealTimers();
});

const asked = (kind: Request["kind"]) => opened.requests.filter((request) => request.kind === kind);
const lists = () => asked("list_images").map((request) => (request.kind === "list_images" ? request.first : -1));

describe("the rows", () => {
  it("are not asked for where there is one photo", () => {
    filmstrip.show(0, 20);
    expect(lists()).toEqual([]);
  });

  it("come in pages, as they come into sight, and the one on the screen by itself", () => {
    opened.showImages({ count: 1000, index: 2 });
    expect(lists()).toEqual([2]);
    opened.listImages(imageRows(1000));
    expect(filmstrip.present.value?.name).toBe("2.jpg");
    filmstrip.show(40, 60);
    expect(lists()).toEqual([2, 0, 50]);
    opened.listImages(imageRows(1000));
    expect([49, 50, 100].map((position) => filmstrip.row(position)?.name)).toEqual(["49.jpg", "50.jpg", undefined]);
    filmstrip.show(50, 60);
    expect(lists()).toEqual([2, 0, 50]);
  });

  it("are asked for again when the kernel has changed one, once for each reply", () => {
    opened.showImages({ count: 12 });
    opened.listImages(imageRows(12));
    filmstrip.show(0, 12);
    opened.listImages(imageRows(12));
    opened.showImages({ count: 12, revision: 2 });
    opened.showImages({ count: 12, revision: 3 });
    opened.showImages({ count: 12, revision: 4 });
    expect(lists()).toEqual([2, 0, 2, 0]);
    opened.listImages(imageRows(12));
    expect(lists()).toEqual([2, 0, 2, 0, 2, 0]);
    opened.listImages(imageRows(12, { 0: { state: "done" } }));
    expect(filmstrip.row(0)?.state).toBe("done");
    expect(lists()).toEqual([2, 0, 2, 0, 2, 0]);
  });

  it("are asked for again after the kernel was too busy to send them", () => {
    opened.showImages();
    filmstrip.show(0, 12);
    vi.advanceTimersByTime(20_000);
    filmstrip.show(0, 12);
    expect(lists().filter((first) => first === 0)).toHaveLength(2);
  });
});

describe("a filter", () => {
  /** 300 photos, every fifth to check. */
  const rows = imageRows(300).map((row) => (row.index % 5 === 0 ? { ...row, state: "to_check" as const } : row));
  /** Replies to all requests for rows, also to those that follow. */
  const settle = async <T>(value: Promise<T>): Promise<T> => {
    let isEnded = false;
    void value.then(() => {
      isEnded = true;
    });
    for (let count = -1; !isEnded; ) {
      await Promise.resolve();
      if (lists().length === count) continue;
      count = lists().length;
      opened.listImages(rows);
    }
    return value;
  };

  beforeEach(() => {
    opened.showImages({ count: 300, index: 12 });
    opened.listImages(rows);
    filmstrip.filter.value = { state: "to_check", class: null };
    opened.listImages(rows);
  });

  it("lists only the photos that pass", () => {
    expect([filmstrip.total.value, filmstrip.row(1)?.index]).toEqual([60, 5]);
    expect(filmstrip.present.value?.index).toBe(12);
  });

  it.each([
    [12, 1, 15],
    [12, -1, 10],
    [15, 1, 20],
    [15, -1, 10],
    [0, -1, null],
    [260, 1, 265],
    [295, 1, null],
    [299, -1, 295],
  ] as const)("finds the neighbour of photo %i by %i: %s", async (index, step, neighbour) => {
    expect(await settle(filmstrip.neighbour(index, step))).toBe(neighbour);
  });

  it("takes no row of the filter before", () => {
    filmstrip.filter.value = { state: "done", class: null };
    const late = opened.fake.sent.at(-1)?.id;
    filmstrip.filter.value = { state: "new", class: null };
    opened.fake.receive({ kind: "images", re: late, first: 0, total: 1, images: [rows[0]] });
    expect([filmstrip.total.value, filmstrip.row(0)]).toEqual([0, undefined]);
  });
});

describe("the thumbnails", () => {
  const send = (image: number, problem?: string) => {
    const bytes = problem ? new Uint8Array() : new Uint8Array([1, 2]);
    opened.reply("thumbnails", { kind: "thumbnail", image, mime: "image/jpeg", problem }, [bytes]);
  };

  beforeEach(() => {
    opened.showImages();
    filmstrip.show(0, 4);
    opened.listImages(imageRows(12));
    vi.advanceTimersByTime(100);
  });

  it("are asked for once, when the strip has come to rest, and kept", () => {
    expect(asked("thumbnails")).toEqual([{ kind: "thumbnails", images: [0, 1, 2, 3] }]);
    send(0);
    send(1, "The file is gone.");
    expect(filmstrip.thumbnail(0)?.url).toMatch(/^blob:/);
    expect(filmstrip.thumbnail(1)).toEqual({ url: "", problem: "The file is gone." });
    filmstrip.show(0, 6);
    filmstrip.show(0, 5);
    vi.advanceTimersByTime(100);
    expect(asked("thumbnails").at(-1)).toEqual({ kind: "thumbnails", images: [4] });
  });

  it("are asked for again where the kernel did not send them", () => {
    opened.reply("thumbnails", { kind: "done" });
    filmstrip.show(0, 4);
    vi.advanceTimersByTime(100);
    expect(asked("thumbnails")).toHaveLength(2);
  });
});
