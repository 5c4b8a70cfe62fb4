#include "dspy/server/catalog.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

template <class T, class Map>
std::shared_ptr<const T> found(const Map& map, std::string_view name) {
  const auto it = map.find(name);
  return it == map.end() ? nullptr : it->second;
}

template <class T, class Map>
std::vector<std::shared_ptr<const T>> all_of(const Map& map) {
  std::vector<std::shared_ptr<const T>> out;
  out.reserve(map.size());
  for (const auto& [name, value] : map) out.push_back(value);
  return out;
}

}  // namespace

void Catalog::put(ServedProgram program) {
  auto made = std::make_shared<const ServedProgram>(std::move(program));
  const std::scoped_lock lock(mutex_);
  programs_.insert_or_assign(made->name, std::move(made));
}

void Catalog::put(ServedModel model) {
  auto made = std::make_shared<const ServedModel>(std::move(model));
  const std::scoped_lock lock(mutex_);
  models_.insert_or_assign(made->name, std::move(made));
}

bool Catalog::remove_program(std::string_view name) {
  const std::scoped_lock lock(mutex_);
  const auto it = programs_.find(name);
  if (it == programs_.end()) return false;
  programs_.erase(it);
  return true;
}

std::shared_ptr<const ServedProgram> Catalog::program(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  return found<ServedProgram>(programs_, name);
}

std::shared_ptr<const ServedModel> Catalog::model(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  return found<ServedModel>(models_, name);
}

std::vector<std::shared_ptr<const ServedProgram>> Catalog::programs() const {
  const std::scoped_lock lock(mutex_);
  return all_of<ServedProgram>(programs_);
}

std::vector<std::shared_ptr<const ServedModel>> Catalog::models() const {
  const std::scoped_lock lock(mutex_);
  return all_of<ServedModel>(models_);
}

}  // namespace dspy::server
