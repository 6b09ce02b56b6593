from spack.package import *


class Fasweep(CMakePackage, CudaPackage):
    """Sweeps of small networks trained by feedback alignment and other rules, over MPI and GPUs, into one HDF5 file."""

    license("BSD-3-Clause")

    # From a checkout: spack develop --path FOLDER fasweep@main
    version("main", branch="main")

    variant("mpi", default=True, description="Ranks over MPI; without, threads on one machine")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("ninja", type="build")
    depends_on("boost@1.74: +program_options")
    depends_on("eigen@3.4:")
    depends_on("hdf5@1.10: ~mpi")
    depends_on("highway@1.0.3:")
    depends_on("muparser@2.3:")
    depends_on("nlohmann-json@3.10:")
    depends_on("zlib-api")
    depends_on("mpi", when="+mpi")

    conflicts("%gcc@:11", msg="fasweep is written in C++20")

    generator("ninja")

    def cmake_args(self):
        args = [
            self.define("FASWEEP_TESTS", False),
            self.define_from_variant("FASWEEP_MPI", "mpi"),
            self.define_from_variant("FASWEEP_CUDA", "cuda"),
        ]
        if self.spec.target.family != "x86_64":
            args.append(self.define("FASWEEP_ARCH", ""))  # Spack's compiler wrapper chooses the instruction set
        if self.spec.satisfies("+cuda"):
            archs = [arch + "-real" for arch in self.spec.variants["cuda_arch"].value if arch != "none"]
            if archs:
                args.append(self.define("CMAKE_CUDA_ARCHITECTURES", ";".join(archs)))
        return args

    def setup_run_environment(self, env):
        env.prepend_path("PYTHONPATH", join_path(self.prefix.share, "fasweep", "python"))
