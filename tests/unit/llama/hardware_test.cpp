#include "dspy/llama/hardware.hpp"

#include "fake_runtime.hpp"
#include "llama/model/hardware.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace dspy::llama {
namespace {

constexpr std::uint64_t gib = 1ULL << 30;

const RuntimeDevice cpu = {"CPU", "a processor", "CPU", "", DeviceKind::cpu, 64 * gib, 64 * gib};
const RuntimeDevice cuda = {"CUDA0", "a card", "CUDA", "0000:01:00.0", DeviceKind::gpu, 20 * gib, 24 * gib};
const RuntimeDevice vulkan = {"Vulkan0", "a card", "Vulkan", "0000:01:00.0", DeviceKind::gpu, 23 * gib, 24 * gib};
const RuntimeDevice hip = {"ROCm0", "another", "ROCm", "0000:02:00.0", DeviceKind::gpu, 8 * gib, 8 * gib};
const RuntimeDevice metal = {"MTL0", "M4", "MTL", "", DeviceKind::gpu, 30 * gib, 32 * gib};
const RuntimeDevice integrated = {"Vulkan1", "in the processor", "Vulkan", "", DeviceKind::integrated_gpu, 32 * gib,
                                  32 * gib};

HostFacts host() {
  return {.logical_cores = 8, .physical_cores = 4, .cpu_quota = {}, .memory_total = 32 * gib, .memory_free = 10 * gib};
}

TEST_CASE("a graphics card is chosen over the processor, each card once, and the reason is given") {
  struct Case {
    std::vector<RuntimeDevice> devices;
    std::vector<std::string> listed;
    std::string chosen;
    std::string_view reason;
  };
  const std::vector<Case> cases = {
      {{cpu}, {"CPU"}, "CPU", "no CUDA, Metal, HIP or Vulkan device was found"},
      {{cpu, integrated}, {"CPU", "Vulkan1"}, "CPU", "shares its memory"},
      {{vulkan, cuda, cpu}, {"CUDA0", "CPU"}, "CUDA0", "CUDA0 (a card, 20.0 GiB free) through CUDA"},
      {{vulkan, cpu}, {"Vulkan0", "CPU"}, "Vulkan0", "through Vulkan"},
      {{hip, cuda, cpu}, {"ROCm0", "CUDA0", "CPU"}, "CUDA0", "the other 1 help"},
      {{vulkan, hip, cpu}, {"Vulkan0", "ROCm0", "CPU"}, "ROCm0", "through ROCm"},
      {{metal, cpu}, {"MTL0", "CPU"}, "MTL0", "through MTL"},
  };
  for (const auto& [devices, listed, chosen, reason] : cases) {
    const auto hardware = choose(devices, host());
    CAPTURE(hardware.reason);
    std::vector<std::string> names;
    for (const auto& device : hardware.devices) names.push_back(device.name);
    CHECK(names == listed);
    CHECK(hardware.device().name == chosen);
    CHECK(hardware.reason.contains(reason));
  }
}

TEST_CASE("the processor's memory is what this process may still use") {
  const auto hardware = choose(std::vector{cpu}, host());
  CHECK(hardware.device().memory_free == 10 * gib);
  CHECK(hardware.device().memory_total == 32 * gib);
}

TEST_CASE("a driver that computes on the processor is not a card, and is used only where it is named") {
  const RuntimeDevice soft{.name = "Vulkan0",
                           .description = "llvmpipe (LLVM 15.0.6, 256 bits)",
                           .backend = "Vulkan",
                           .kind = DeviceKind::gpu,
                           .memory_free = 2 * gib,
                           .software = true};
  const std::vector<RuntimeDevice> devices = {cpu, soft};
  const auto hardware = choose(devices, {});
  CHECK(hardware.device().name == "CPU");
  CHECK(
      hardware.reason ==
      "the processor, since Vulkan0 (llvmpipe (LLVM 15.0.6, 256 bits)) is not a card but a driver that computes on the "
      "processor itself, and slower; name it to use it all the same (device=Vulkan0)");
  REQUIRE(hardware.devices.size() == 2);
  CHECK(hardware.devices[1].software);

  CHECK(place(devices, gib, 32, -1).devices.empty());
  CHECK(place(devices, gib, 32, 8).devices.empty());
  const std::vector<std::string> named = {"Vulkan0"};
  CHECK(place(devices, gib / 2, 32, -1, named).devices == std::vector<std::size_t>{1});
  CHECK(place(devices, gib / 2, 32, 8, named).words == "8 of 33 layers on Vulkan0");

  // A real card beside it is chosen, and it alone.
  const std::vector<RuntimeDevice> both = {cpu, soft, cuda};
  CHECK(choose(both, {}).device().name == "CUDA0");
  CHECK(place(both, 4 * gib, 32, -1).words == "all 33 layers on CUDA0");
}

TEST_CASE("a thread for each physical core, within the control group's quota") {
  struct Case {
    int physical;
    std::optional<double> quota;
    int threads;
  };
  const std::vector<Case> cases = {{4, {}, 4}, {4, 2.0, 2}, {4, 2.9, 2}, {4, 0.5, 1}, {4, 16.0, 4}, {0, {}, 1}};
  for (const auto& [physical, quota, threads] : cases) {
    CAPTURE(physical);
    CAPTURE(quota.value_or(-1));
    CHECK(recommended_threads({.physical_cores = physical, .cpu_quota = quota}) == threads);
  }
}

TEST_CASE("a model's layers go where they fit") {
  struct Case {
    std::vector<RuntimeDevice> devices;
    std::uint64_t bytes;
    int wanted;
    int layers;
    std::vector<std::size_t> used;
    std::string_view words;
  };
  const std::vector<Case> cases = {
      {{cpu}, 4 * gib, -1, 0, {}, "the processor"},
      {{cuda, cpu}, 4 * gib, 0, 0, {}, "the processor, as asked"},
      {{cuda, cpu}, 4 * gib, -1, -1, {0}, "all 33 layers on CUDA0"},
      {{cuda, cpu}, 40 * gib, -1, 15, {0}, "15 of 33 layers, which is what fits, on CUDA0"},
      {{cuda, hip, cpu}, 25 * gib, -1, -1, {0, 1}, "all 33 layers on CUDA0, ROCm0"},
      {{cuda, cpu}, 4 * gib, 10, 10, {0}, "10 of 33 layers on CUDA0"},
      {{cuda, cpu}, 4 * gib, 99, 33, {0}, "33 of 33 layers on CUDA0"},
      {{hip, cpu}, 300 * gib, -1, 0, {}, "the processor, since ROCm0 has no room"},
  };
  for (const auto& [devices, bytes, wanted, layers, used, words] : cases) {
    const auto placement = place(devices, bytes, 32, wanted);
    CAPTURE(placement.words);
    CHECK(placement.gpu_layers == layers);
    CHECK(placement.devices == used);
    CHECK(placement.words == words);
  }
}

TEST_CASE("memory, cores and limits are read from the system's files") {
  const test::TempFolder root;
  const auto write = [&](const std::string& path, std::string_view text) {
    const auto file = root.path() / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  };
  write("proc/meminfo", "MemTotal:       16000000 kB\nMemFree:  1000 kB\nMemAvailable:   12000000 kB\n");
  auto facts = HostFacts::read(root.path().string());
  CHECK(facts.memory_total == 16000000ULL * 1024);
  CHECK(facts.memory_free == 12000000ULL * 1024);
  CHECK_FALSE(facts.cpu_quota);
  CHECK(facts.physical_cores == facts.logical_cores);

  write("proc/self/cgroup", "0::/service/inner\n");
  write("sys/fs/cgroup/service/cpu.max", "150000 100000\n");
  write("sys/fs/cgroup/service/inner/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/service/inner/memory.max", "4000000000\n");
  write("sys/fs/cgroup/service/inner/memory.current", "1000000000\n");
  write("sys/fs/cgroup/memory.max", "max\n");
  facts = HostFacts::read(root.path().string());
  CHECK(facts.cpu_quota == 1.5);
  CHECK(facts.memory_total == 4'000'000'000);
  CHECK(facts.memory_free == 3'000'000'000);

  for (int core = 0; core < 1024; ++core)
    write(std::format("sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", core), core % 2 ? "a" : "b");
  facts = HostFacts::read(root.path().string());
  CHECK(facts.physical_cores == std::min(2, facts.logical_cores));
}

TEST_CASE("detect asks the runtime") {
  test::FakeRuntime runtime;
  runtime.device_list = {cuda, cpu};
  const auto hardware = Hardware::detect(&runtime);
  CHECK(hardware.device().name == "CUDA0");
  CHECK(hardware.library == "libllama 0.0.fake");
  CHECK(hardware.threads >= 1);
}

TEST_CASE("this machine is described") {
  const auto hardware = Hardware::detect();
  CHECK_FALSE(hardware.devices.empty());
  CHECK_FALSE(hardware.device().name.empty());
  CHECK(hardware.host.memory_total > 0);
  CHECK(hardware.host.memory_free <= hardware.host.memory_total);
  CHECK(hardware.threads <= hardware.host.logical_cores);
}

}  // namespace
}  // namespace dspy::llama
