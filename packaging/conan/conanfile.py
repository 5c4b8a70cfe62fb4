from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import get


class DspyCpp(ConanFile):
    name = "dspy-cpp"
    version = "0.1.0"
    license = "Apache-2.0"
    url = "RELEASE_HOMEPAGE"
    description = "Program language models in C++"
    topics = ("llm", "dspy", "inference")
    package_type = "static-library"
    settings = "os", "compiler", "build_type", "arch"
    options = {"tools": [True, False]}
    default_options = {"tools": True}

    def requirements(self):
        self.requires("boost/[>=1.84]", transitive_headers=True, transitive_libs=True)
        self.requires("libcurl/[>=7.88]")
        self.requires("openssl/[>=3 <4]")
        self.requires("sqlite3/[>=3.51.3]")
        self.requires("tomlplusplus/[>=3.3]")
        if self.options.tools:
            self.requires("cli11/[>=2.4]")

    def validate(self):
        check_min_cppstd(self, 23)

    def layout(self):
        cmake_layout(self)

    def source(self):
        get(
            self,
            "RELEASE_URL",
            sha256="RELEASE_SHA256",
            strip_root=True,
        )

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.variables["DSPY_FETCH"] = False
        toolchain.variables["DSPY_LLAMA"] = "OFF"
        toolchain.variables["DSPY_BUILD_APPS"] = bool(self.options.tools)
        for part in ("TESTS", "EXAMPLES", "BENCHMARKS"):
            toolchain.variables[f"DSPY_BUILD_{part}"] = False
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()

    def package_info(self):
        # The package's own configuration names its parts and what each needs.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = ["lib/cmake/dspy"]
        if self.options.tools:
            self.buildenv_info.prepend_path("PATH", f"{self.package_folder}/bin")
