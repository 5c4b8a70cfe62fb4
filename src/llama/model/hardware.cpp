#include "dspy/llama/hardware.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "llama/model/hardware.hpp"

#include <sched.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <format>
#include <fstream>
#include <numeric>
#include <set>
#include <sstream>
#include <thread>

namespace dspy::llama {
namespace {

// --- the host --------------------------------------------------------------------------------------------------------

std::string system_text(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  text = text::trim(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// `MemAvailable:   23456 kB` → bytes.
std::optional<std::uint64_t> meminfo(std::string_view text, std::string_view key) {
  const auto start = text.find(std::string(key) + ":");
  if (start == text.npos) return std::nullopt;
  auto line = text.substr(start + key.size() + 1);
  line = text::trim(line.substr(0, line.find('\n')));
  if (line.ends_with(" kB")) line.remove_suffix(3);
  const auto kilobytes = whole_number(line);
  return kilobytes ? std::optional(*kilobytes * 1024) : std::nullopt;
}

/// The control group of this process and those around it, innermost first.
std::vector<std::filesystem::path> control_groups(const std::filesystem::path& root) {
  const auto mount = root / "sys/fs/cgroup";
  std::vector<std::filesystem::path> groups;
  std::istringstream lines(system_text(root / "proc/self/cgroup"));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("0::/")) continue;
    for (auto inside = std::filesystem::path(line.substr(4)); !inside.empty(); inside = inside.parent_path())
      groups.push_back(mount / inside);
  }
  groups.push_back(mount);
  return groups;
}

void apply_control_groups(const std::filesystem::path& root, HostFacts& host) {
  for (const auto& group : control_groups(root)) {
    // "200000 100000": microseconds of processor time in each period; "max" is no limit.
    std::istringstream quota(system_text(group / "cpu.max"));
    double time = 0, period = 0;
    if (quota >> time >> period && period > 0)
      host.cpu_quota = std::min(host.cpu_quota.value_or(time / period), time / period);
    if (const auto limit = whole_number(system_text(group / "memory.max"))) {
      const auto used = whole_number(system_text(group / "memory.current")).value_or(0);
      host.memory_total = std::min(host.memory_total, *limit);
      host.memory_free = std::min(host.memory_free, *limit > used ? *limit - used : 0);
    }
  }
}

/// Processors on boards of several each have memory of their own.
int count_memory_nodes(const std::filesystem::path& root) {
  int nodes = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root / "sys/devices/system/node", error)) {
    const auto name = entry.path().filename().string();
    nodes += name.starts_with("node") && whole_number(name.substr(4)) ? 1 : 0;
  }
  return std::max(1, nodes);
}

std::vector<int> usable_cores() {
  std::vector<int> cores;
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int core = 0; core < CPU_SETSIZE; ++core) {
      if (CPU_ISSET(core, &set)) cores.push_back(core);
    }
  }
#endif
  if (cores.empty()) {
    cores.resize(std::max(1U, std::thread::hardware_concurrency()));
    std::iota(cores.begin(), cores.end(), 0);
  }
  return cores;
}

// --- devices ---------------------------------------------------------------------------------------------------------

/// Lower is better; one card is often offered by several backends.
int rank(std::string_view backend) {
  constexpr std::array<std::string_view, 5> order = {"cuda", "metal", "hip", "rocm", "vulkan"};
  const auto name = text::to_lower(backend);
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (name.contains(order[i]) || (order[i] == "metal" && name.contains("mtl"))) return static_cast<int>(i);
  }
  return static_cast<int>(order.size());
}

bool same_card(const RuntimeDevice& a, const RuntimeDevice& b) {
  return !a.id.empty() && a.id == b.id;
}

/// The GPUs, best first, each card once.
std::vector<std::size_t> graphics_cards(std::span<const RuntimeDevice> devices) {
  std::vector<std::size_t> cards;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    if (devices[i].kind == DeviceKind::gpu && !devices[i].software) cards.push_back(i);
  }
  std::ranges::stable_sort(cards, [&](std::size_t a, std::size_t b) {
    const auto left = rank(devices[a].backend), right = rank(devices[b].backend);
    return left != right ? left < right : devices[a].memory_free > devices[b].memory_free;
  });
  std::vector<std::size_t> once;
  for (const auto card : cards) {
    if (std::ranges::none_of(once, [&](std::size_t kept) { return same_card(devices[kept], devices[card]); }))
      once.push_back(card);
  }
  return once;
}

/// The cards of these names, in their order.
std::vector<std::size_t> named_cards(std::span<const RuntimeDevice> devices, std::span<const std::string> names) {
  std::vector<std::size_t> cards;
  for (const auto& name : names) {
    const auto found = std::ranges::find_if(
        devices, [&](const auto& device) { return device.name == name && device.kind != DeviceKind::cpu; });
    if (found == devices.end()) {
      std::vector<std::string> present;
      for (const auto& device : devices) {
        if (device.kind != DeviceKind::cpu) present.push_back(device.name);
      }
      throw Error(Errc::invalid_parameter,
                  std::format("there is no device `{}`; {}", name,
                              present.empty() ? "no graphics card was found, so leave `devices` empty for the processor"
                                              : std::format("there is {}", text::enumerate(present, "`", "and"))));
    }
    cards.push_back(static_cast<std::size_t>(found - devices.begin()));
  }
  return cards;
}

std::string gibibytes(std::uint64_t bytes) {
  return std::format("{:.1f} GiB", static_cast<double>(bytes) / (1ULL << 30));
}

std::string reason_for(std::span<const RuntimeDevice> devices, const std::vector<std::size_t>& cards) {
  if (!cards.empty()) {
    const auto& best = devices[cards.front()];
    auto reason = std::format("{} ({}, {} free) through {}, since a graphics card is faster than the processor",
                              best.name, best.description, gibibytes(best.memory_free), best.backend);
    if (cards.size() > 1) reason += std::format("; the other {} help where a model does not fit", cards.size() - 1);
    return reason;
  }
  const auto software = std::ranges::find_if(devices, &RuntimeDevice::software);
  if (software != devices.end())
    return std::format(
        "the processor, since {} ({}) is not a card but a driver that computes on the processor itself, and "
        "slower; name it to use it all the same (device={})",
        software->name, software->description, software->name);
  if (std::ranges::any_of(devices, [](const auto& device) { return device.kind == DeviceKind::integrated_gpu; }))
    return "the processor, since the only graphics unit shares its memory and would not be faster";
  return "the processor, since no CUDA, Metal, HIP or Vulkan device was found";
}

}  // namespace

HostFacts HostFacts::read(const std::string& root) {
  const std::filesystem::path base(root);
  HostFacts host;
  const auto cores = usable_cores();
  host.logical_cores = static_cast<int>(cores.size());
  std::set<std::string> siblings;
  for (const int core : cores) {
    const auto shared =
        system_text(base / std::format("sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", core));
    siblings.insert(shared.empty() ? std::format("alone {}", core) : shared);
  }
  host.physical_cores = static_cast<int>(siblings.size());

  host.memory_nodes = count_memory_nodes(base);

  const auto memory = system_text(base / "proc/meminfo");
  host.memory_total = meminfo(memory, "MemTotal").value_or(0);
  host.memory_free = meminfo(memory, "MemAvailable").value_or(host.memory_total);
  const auto processor = system_text(base / "proc/cpuinfo");
  host.has_amx = processor.contains(" amx_int8");
  host.has_vnni = processor.contains(" avx512_vnni");
  apply_control_groups(base, host);
  return host;
}

int recommended_threads(const HostFacts& host) noexcept {
  // Threads on another node would read all weights through the link between them.
  int threads = std::max(1, host.physical_cores / std::max(1, host.memory_nodes));
  if (host.cpu_quota) threads = std::min(threads, std::max(1, static_cast<int>(*host.cpu_quota)));
  return threads;
}

int threads_for(std::uint64_t weight_bytes) {
  // A model that reads this little for a token spends more time waiting for its threads than they save.
  constexpr std::uint64_t one_thread_bytes = 32ULL << 20;
  return weight_bytes < one_thread_bytes ? 1 : recommended_threads(HostFacts::read());
}

Hardware choose(std::span<const RuntimeDevice> devices, const HostFacts& host) {
  Hardware hardware{.host = host};
  const auto cards = graphics_cards(devices);
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const auto& device = devices[i];
    if (device.kind == DeviceKind::gpu && !device.software && std::ranges::find(cards, i) == cards.end()) continue;
    const bool is_best = cards.empty() ? device.kind == DeviceKind::cpu : i == cards.front();
    if (is_best) hardware.chosen = hardware.devices.size();
    hardware.devices.push_back({.name = device.name,
                                .description = device.description,
                                .backend = device.backend,
                                .kind = static_cast<Device::Kind>(device.kind),
                                .memory_free = device.memory_free,
                                .memory_total = device.memory_total,
                                .software = device.software});
    // libllama reports all of the machine's memory as free.
    if (device.kind == DeviceKind::cpu && host.memory_total != 0) {
      hardware.devices.back().memory_free = host.memory_free;
      hardware.devices.back().memory_total = host.memory_total;
    }
  }
  hardware.reason = reason_for(devices, cards);
  hardware.threads = recommended_threads(host);
  return hardware;
}

Placement place(std::span<const RuntimeDevice> devices, std::uint64_t weight_bytes, int layers, int wanted,
                std::span<const std::string> names) {
  const auto cards = names.empty() ? graphics_cards(devices) : named_cards(devices, names);
  if (wanted == 0) return {.words = "the processor, as asked"};
  if (cards.empty()) return {.words = "the processor"};

  Placement placement{.devices = cards};
  const auto words = [&](std::string_view part) {
    std::string used;
    for (const auto card : cards) used += (used.empty() ? "" : ", ") + devices[card].name;
    return std::format("{} on {}", part, used);
  };
  const int all = layers + 1;  // the output counts as one
  if (wanted > 0) {
    placement.gpu_layers = std::min(wanted, all);
    placement.words = words(std::format("{} of {} layers", placement.gpu_layers, all));
    return placement;
  }
  // What is not weights: the cache of computed tokens and scratch space.
  constexpr std::uint64_t margin = 1ULL << 30;
  std::uint64_t room = 0;
  for (const auto card : cards) room += devices[card].memory_free > margin ? devices[card].memory_free - margin : 0;
  const auto per_layer = weight_bytes / static_cast<std::uint64_t>(std::max(1, all)) + 1;
  const auto fit = room / per_layer;
  if (fit == 0) return {.words = std::format("the processor, since {} has no room", devices[cards.front()].name)};
  placement.gpu_layers = fit >= static_cast<std::uint64_t>(all) ? -1 : static_cast<int>(fit);
  placement.words = words(placement.gpu_layers < 0 ? std::format("all {} layers", all)
                                                   : std::format("{} of {} layers, which is what fits,", fit, all));
  return placement;
}

Hardware Hardware::detect(Runtime* given) {
  auto& library = given ? *given : runtime();
  auto hardware = choose(library.devices(), HostFacts::read());
  hardware.library = std::format("libllama {}", library.version());
  return hardware;
}

}  // namespace dspy::llama
