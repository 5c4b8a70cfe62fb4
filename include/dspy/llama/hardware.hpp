#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dspy::llama {

class Runtime;

/// Something that can compute.
struct Device {
  enum class Kind { cpu, gpu, integrated_gpu, accelerator };

  std::string name{};         ///< Such as `CUDA0`.
  std::string description{};  ///< Such as the name of the card.
  std::string backend{};      ///< Such as `CUDA`, `Vulkan`, `Metal`, `CPU`.
  Kind kind = Kind::cpu;
  std::uint64_t memory_free = 0;  ///< In bytes.
  std::uint64_t memory_total = 0;
  bool software = false;  ///< No card but a driver that computes on the processor; used only where it is named.
};

/// The processor and memory that this process may use, whatever the machine has.
struct HostFacts {
  int logical_cores = 1;              ///< That the process may run on.
  int physical_cores = 1;             ///< Of those; hyper-threads counted once.
  std::optional<double> cpu_quota{};  ///< Cores' worth of time that the control group allows.
  std::uint64_t memory_total = 0;     ///< In bytes; what the control group allows, if that is less.
  std::uint64_t memory_free = 0;
  int memory_nodes = 1;   ///< Of a machine with non-uniform memory (NUMA).
  bool has_amx = false;   ///< Matrix instructions for 8-bit integers.
  bool has_vnni = false;  ///< AVX-512 with sums of products of 8-bit integers, which dspy's kernels want.

  /// Read from `/proc` and `/sys` below `root`.
  static HostFacts read(const std::string& root = "/");
};

/// What models can run on, and which of it is used.
struct Hardware {
  std::vector<Device> devices{};
  std::size_t chosen = 0;  ///< Index into `devices`.
  std::string reason{};    ///< Why, in a sentence.
  HostFacts host{};
  /// What an engine takes for a model too large for one thread: one thread a physical core
  /// of one memory node, no more than the control group's quota.
  int threads = 1;
  std::string library{};  ///< Such as `libllama 0.7.0`.

  const Device& device() const { return devices.at(chosen); }

  /// Asks the inference library.  Throws `Error` (`backend_error`) where it is not installed.
  static Hardware detect(Runtime* runtime = nullptr);
};

/// Threads that this process can really run at once.
int recommended_threads(const HostFacts& host) noexcept;

}  // namespace dspy::llama
