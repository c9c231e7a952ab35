"""Where users' projects live: what a folder looks like that each of them builds. Facts; `export` makes the folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Ecosystem:
    """One kind of project.

    name     of `--as`
    title    in texts
    public   folder of the headers that a program includes
    private  folder of the sources, and of the headers that only they include
    files    path -> template below codegen_templates/export/; {project} and, of files that there is one of for each
             model, {model} stand for names
    example  path of the example that those files build, "" if they are it
    """

    name: str
    title: str
    public: str
    private: str
    files: Mapping[str, str] = field(default_factory=dict)
    example: str = ""


_EXAMPLE = "examples/{model}/main.c"
ECOSYSTEMS = {
    ecosystem.name: ecosystem
    for ecosystem in (
        Ecosystem(
            "cmake",
            "CMake",
            "include",
            "src",
            {"CMakeLists.txt": "cmake/CMakeLists.txt", "cmake/{project}Config.cmake": "cmake/Config.cmake"},
            _EXAMPLE,
        ),
        Ecosystem("platformio", "PlatformIO", "include", "src", {"library.json": "platformio/library.json"}, _EXAMPLE),
        Ecosystem(
            "arduino",
            "Arduino",
            "src",
            "src",
            {
                "library.properties": "arduino/library.properties",
                "keywords.txt": "arduino/keywords.txt",
                "examples/{model}/{model}.ino": "arduino/example.ino",
            },
        ),
        Ecosystem(
            "zephyr",
            "Zephyr",
            "include",
            "src",
            {
                "zephyr/module.yml": "zephyr/module.yml",
                "CMakeLists.txt": "zephyr/CMakeLists.txt",
                "Kconfig": "zephyr/Kconfig",
                "samples/{model}/CMakeLists.txt": "zephyr/sample.cmake",
                "samples/{model}/prj.conf": "zephyr/prj.conf",
                "samples/{model}/sample.yaml": "zephyr/sample.yaml",
            },
            "samples/{model}/src/main.c",
        ),
        Ecosystem(
            "esp-idf",
            "ESP-IDF",
            "include",
            "src",
            {
                "idf_component.yml": "esp-idf/idf_component.yml",
                "CMakeLists.txt": "esp-idf/CMakeLists.txt",
                "examples/{model}/CMakeLists.txt": "esp-idf/project.cmake",
                "examples/{model}/main/CMakeLists.txt": "esp-idf/main.cmake",
                "examples/{model}/main/idf_component.yml": "esp-idf/main.yml",
            },
            "examples/{model}/main/main.c",
        ),
        Ecosystem(
            "cmsis-pack",
            "CMSIS-Pack",
            "include",
            "src",
            {
                "edge-tr.{project}.pdsc": "cmsis-pack/pack.pdsc",
                "{project}.clayer.yml": "cmsis-pack/layer.yml",
            },
            _EXAMPLE,
        ),
        Ecosystem(
            "pico",
            "Raspberry Pi Pico SDK",
            "include",
            "src",
            {"CMakeLists.txt": "pico/CMakeLists.txt", "examples/{model}/CMakeLists.txt": "pico/example.cmake"},
            _EXAMPLE,
        ),
    )
}
"""By the name that `--as` takes."""
