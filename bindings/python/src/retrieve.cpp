#include "retrieve.hpp"

#include "dspy/lm/embedder.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/store.hpp"
#include "json.hpp"
#include "waiting.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstddef>
#include <format>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace dspy::python {
namespace {

using Matrix = nb::ndarray<nb::numpy, float, nb::ndim<2>>;
using Rows = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Row = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

/// An embedder that is a Python function: texts in, an array of float32 with a row for each out.
class FunctionEmbedder final : public Embedder {
 public:
  FunctionEmbedder(Held function, std::string name, std::size_t dimensions)
      : function_(std::move(function)), name_(std::move(name)), dimensions_(dimensions) {}

  std::string_view model() const noexcept override { return name_; }
  std::size_t dimensions() const noexcept override { return dimensions_; }
  Async<Embeddings> embed(EmbedRequest request) override { return ask(function_, dimensions_, std::move(request)); }

 private:
  static Async<Embeddings> ask(Held function, std::size_t dimensions, EmbedRequest request) {
    Embeddings out;
    co_await on_python_thread([&] {
      with_python([&] {
        const nb::object said =
            nb::module_::import_("dspy_cpp._values").attr("float_rows")(function.get()(nb::cast(request.texts)));
        const auto rows = nb::cast<Rows>(said);
        if (rows.shape(0) != request.texts.size() || rows.shape(1) != dimensions) {
          throw Error(Errc::bad_input, std::format("the embedder returned {} vectors of {} floats for {} texts of {}",
                                                   rows.shape(0), rows.shape(1), request.texts.size(), dimensions));
        }
        for (std::size_t i = 0; i < rows.shape(0); ++i) {
          const float* const begin = rows.data() + i * dimensions;
          out.vectors.emplace_back(begin, begin + dimensions);
        }
      });
    });
    co_return out;
  }

  Held function_;
  std::string name_;
  std::size_t dimensions_;
};

/// The vectors as one array, which owns them.
nb::object to_matrix(const Embeddings& made, std::size_t width) {
  auto* const data = new std::vector<float>();
  const nb::capsule owner(data, [](void* held) noexcept { delete static_cast<std::vector<float>*>(held); });
  data->reserve(made.vectors.size() * width);
  for (const auto& vector : made.vectors) data->insert(data->end(), vector.begin(), vector.end());
  return nb::cast(Matrix(data->data(), {made.vectors.size(), width}, owner));
}

struct PyStore {
  std::shared_ptr<Store> value;
};

std::vector<float> to_vector(nb::handle vector) {
  if (vector.is_none()) return {};
  const auto row = nb::cast<Row>(nb::module_::import_("dspy_cpp._values").attr("float_row")(vector));
  return {row.data(), row.data() + row.shape(0)};
}

std::vector<Passage> to_passages(nb::handle passages, nb::handle vectors) {
  std::vector<Passage> out;
  for (const auto one : nb::borrow<nb::object>(passages)) {
    auto written = to_json_object(one, "a passage");
    Passage passage;
    for (auto& [name, value] : written) {
      if (name == "id") {
        passage.id = view(value.as_string());
      } else if (name == "text") {
        passage.text = view(value.as_string());
      } else if (name == "source") {
        passage.source = view(value.as_string());
      } else if (name == "metadata") {
        passage.metadata = value.as_object();
      } else {
        throw Error(Errc::bad_input, std::format("a passage has no `{}`; it has id, text, source and metadata, and its "
                                                 "vector in `vectors`",
                                                 std::string_view(name)));
      }
    }
    out.push_back(std::move(passage));
  }
  if (vectors.is_none()) return out;
  const auto rows = nb::cast<Rows>(nb::module_::import_("dspy_cpp._values").attr("float_rows")(vectors));
  if (rows.shape(0) != out.size())
    throw Error(Errc::invalid_parameter,
                std::format("there are {} vectors for {} passages", rows.shape(0), out.size()));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float* const begin = rows.data() + i * rows.shape(1);
    out[i].vector.assign(begin, begin + rows.shape(1));
  }
  return out;
}

nb::list to_hits(const std::vector<Hit>& hits) {
  nb::list out;
  for (const auto& hit : hits) out.append(to_python(to_json(hit)));
  return out;
}

}  // namespace

std::shared_ptr<Embedder> to_embedder(nb::handle value) {
  if (!nb::isinstance<PyEmbedder>(value))
    throw nb::type_error("an embedder is a dspy_cpp.Embedder: of a URI, or of a function of texts");
  return nb::cast<const PyEmbedder&>(value).value;
}

void bind_retrieve(nb::module_& m) {
  nb::class_<PyEmbedder>(m, "NativeEmbedder")
      .def(
          "__init__",
          [](PyEmbedder* self, const std::string& uri) {
            const nb::gil_scoped_release released;
            new (self) PyEmbedder{embedder(uri)};
          },
          nb::arg("uri"))
      .def_static("_function",
                  [](nb::object function, std::string name, std::size_t dimensions) {
                    return PyEmbedder{
                        std::make_shared<FunctionEmbedder>(Held(std::move(function)), std::move(name), dimensions)};
                  })
      .def_prop_ro("model", [](const PyEmbedder& self) { return to_python(self.value->model()); })
      .def_prop_ro("dimensions", [](const PyEmbedder& self) { return self.value->dimensions(); })
      .def(
          "__call__",
          [](const PyEmbedder& self, std::vector<std::string> texts) {
            const auto made = wait_for([&](std::stop_token stop) {
              return self.value->embed({.texts = std::move(texts), .stop = std::move(stop)});
            });
            return to_matrix(made, self.value->dimensions());
          },
          nb::arg("texts"), "An array of float32 with a row for each text.");
  nb::class_<PyStore>(m, "Store", "Where passages are kept and found: a path of the embedded store, or a URI.")
      .def(
          "__init__",
          [](PyStore* self, const std::string& place, bool read_only, bool create) {
            const nb::gil_scoped_release released;
            new (self) PyStore{open_store(place, {.is_read_only = read_only, .create = create})};
          },
          nb::arg("place"), nb::arg("read_only") = false, nb::arg("create") = true)
      .def(
          "upsert",
          [](const PyStore& self, nb::handle passages, nb::handle vectors) {
            auto made = to_passages(passages, vectors);
            wait_for([&](const std::stop_token&) { return self.value->upsert(std::move(made)); });
          },
          nb::arg("passages"), nb::arg("vectors") = nb::none(),
          "Keeps passages (dicts with id, text, source, metadata) with their vectors, a row for each.")
      .def(
          "search",
          [](const PyStore& self, nb::handle vector, std::string text, std::size_t k, nb::handle filter) {
            StoreQuery query{.vector = to_vector(vector), .text = std::move(text), .k = k};
            if (!filter.is_none()) query.filter = filter_from_json(to_json(filter));
            return to_hits(wait_for([&](std::stop_token stop) {
              query.stop = std::move(stop);
              return self.value->search(std::move(query));
            }));
          },
          nb::arg("vector") = nb::none(), nb::arg("text") = "", nb::arg("k") = 10, nb::arg("filter") = nb::none(),
          "The passages nearest to a vector, or with these words, or both; best first, as dicts.")
      .def(
          "remove",
          [](const PyStore& self, std::vector<std::string> ids) -> nb::object {
            const auto count = wait_for([&](const std::stop_token&) { return self.value->remove(std::move(ids)); });
            if (!count) return nb::none();
            return nb::int_(*count);
          },
          nb::arg("ids"))
      .def("__len__",
           [](const PyStore& self) { return wait_for([&](const std::stop_token&) { return self.value->count(); }); });
}

}  // namespace dspy::python
