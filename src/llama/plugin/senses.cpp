// Pictures and sounds through libmtmd: a file becomes the rows that stand for it in a prompt.

#include "senses.hpp"

#include "guard.hpp"

#ifdef DSPY_HAS_MTMD
#include <mtmd-helper.h>
#include <mtmd.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>
#endif

namespace dspy::llama::plugin {

#ifdef DSPY_HAS_MTMD

namespace {

struct FreeSenses {
  void operator()(mtmd_context* context) const { mtmd_free(context); }
};
struct FreeBitmap {
  void operator()(mtmd_bitmap* bitmap) const { mtmd_bitmap_free(bitmap); }
};
struct FreeChunks {
  void operator()(mtmd_input_chunks* chunks) const { mtmd_input_chunks_free(chunks); }
};
using Bitmap = std::unique_ptr<mtmd_bitmap, FreeBitmap>;
using Chunks = std::unique_ptr<mtmd_input_chunks, FreeChunks>;

class LibmtmdSenses final : public RuntimeSenses {
 public:
  LibmtmdSenses(mtmd_context* context, llama_model* model)
      : context_(context), width_(static_cast<std::size_t>(llama_model_n_embd_inp(model))) {}

  bool sees() const override { return mtmd_support_vision(context_.get()); }
  bool hears() const override { return mtmd_support_audio(context_.get()); }

  std::vector<SensePiece> encode(std::span<const std::byte> file, bool is_sound) override {
    const auto bitmap = decoded(file, is_sound);
    const auto chunks = guarded(Errc::backend_error, "the medium could not be prepared", [&] {
      Chunks made(mtmd_input_chunks_init());
      const auto* const marker = mtmd_get_marker(context_.get());
      const mtmd_input_text text = {
          .text = marker, .text_len = std::strlen(marker), .add_special = false, .parse_special = true};
      const mtmd_bitmap* const all[] = {bitmap.get()};
      if (mtmd_tokenize(context_.get(), made.get(), &text, all, 1) != 0) made.reset();
      return made;
    });
    if (!chunks)
      fail(Errc::bad_input, std::string("the ") + (is_sound ? "sound" : "picture") +
                                " could not be prepared for the model; another size or length may help");
    std::vector<SensePiece> pieces;
    for (std::size_t i = 0; i < mtmd_input_chunks_size(chunks.get()); ++i)
      pieces.push_back(piece(mtmd_input_chunks_get(chunks.get(), i)));
    return pieces;
  }

 private:
  Bitmap decoded(std::span<const std::byte> file, bool is_sound) {
    std::string errors;
    auto bitmap = guarded(Errc::backend_error, "the medium could not be read", errors, [&] {
      const auto made =
          mtmd_helper_bitmap_init_from_buf(context_.get(), reinterpret_cast<const unsigned char*>(file.data()),
                                           file.size(), /*placeholder=*/false, mtmd_helper_init_opt_default());
      if (made.video_ctx != nullptr) mtmd_helper_video_free(made.video_ctx);
      return Bitmap(made.bitmap);
    });
    if (!bitmap || mtmd_bitmap_is_audio(bitmap.get()) != is_sound)
      fail(Errc::bad_input, std::string(is_sound ? "the sound is not a WAV, MP3 or FLAC file, or is damaged"
                                                 : "the picture is not a PNG, JPEG, GIF or BMP file, or is damaged"));
    return bitmap;
  }

  SensePiece piece(const mtmd_input_chunk* chunk) {
    SensePiece piece;
    const auto type = mtmd_input_chunk_get_type(chunk);
    if (type == MTMD_INPUT_CHUNK_TYPE_TEXT) {
      std::size_t count = 0;
      const auto* const tokens = mtmd_input_chunk_get_tokens_text(chunk, &count);
      piece.tokens.assign(tokens, tokens + count);
      return piece;
    }
    piece.count = static_cast<int>(mtmd_input_chunk_get_n_tokens(chunk));
    piece.positions = mtmd_input_chunk_get_n_pos(chunk);
    piece.causal = !mtmd_decode_use_non_causal(context_.get(), chunk);
    std::string errors;
    guarded(Errc::backend_error, "the medium could not be encoded", errors, [&] {
      if (mtmd_encode_chunk(context_.get(), chunk) != 0) return;
      const auto* const rows = mtmd_get_output_embd(context_.get());
      if (rows != nullptr) piece.rows.assign(rows, rows + static_cast<std::size_t>(piece.count) * width_);
    });
    if (piece.rows.empty())
      fail(Errc::backend_error, "the medium could not be encoded" + (errors.empty() ? "" : ": " + errors));
    if (!mtmd_decode_use_mrope(context_.get())) return piece;
    const auto* const image = type == MTMD_INPUT_CHUNK_TYPE_IMAGE ? mtmd_input_chunk_get_tokens_image(chunk) : nullptr;
    piece.places = places(image, piece.count, 0);
    // What is encoded once stands anywhere in a prompt, so the places must not depend on where.
    constexpr int elsewhere = 1000;
    if (auto others = places(image, piece.count, elsewhere); others != piece.places) {
      for (std::size_t i = 0; i < others.size(); ++i) others[i] -= i % 4 == 3 ? 0 : elsewhere;
      if (others != piece.places)
        fail(Errc::unsupported,
             "the positions of this model's pictures depend on what comes before them, which dspy "
             "does not know how to write down");
    }
    return piece;
  }

  static std::vector<int> places(const mtmd_image_tokens* image, int count, int from) {
    std::vector<int> places;
    places.reserve(static_cast<std::size_t>(count) * 4);
    for (int i = 0; i < count; ++i) {
      if (image == nullptr) {
        places.insert(places.end(), {i, i, i, 0});
        continue;
      }
      const auto at = mtmd_image_tokens_get_decoder_pos(image, from, static_cast<std::size_t>(i));
      for (const auto place : {at.t, at.y, at.x, at.z}) places.push_back(static_cast<int>(place));
    }
    return places;
  }

  std::unique_ptr<mtmd_context, FreeSenses> context_;
  std::size_t width_;
};

}  // namespace

std::unique_ptr<RuntimeSenses> load_senses(llama_model* model, const RuntimeSensesOptions& options) {
  std::string errors;
  auto* const context = guarded(Errc::model_load_error, "the image or audio part could not be loaded", errors, [&] {
    auto parameters = mtmd_context_params_default();
    parameters.use_gpu = options.on_card;
    parameters.print_timings = false;
    parameters.n_threads = options.threads;
    parameters.warmup = false;
    if (options.image_tokens > 0) parameters.image_max_tokens = options.image_tokens;
    return mtmd_init_from_file(options.path.c_str(), model, parameters);
  });
  if (context == nullptr)
    fail(Errc::model_load_error, errors.empty() ? "the inference library gave no reason" : errors);
  return std::make_unique<LibmtmdSenses>(context, model);
}

void log_senses(ggml_log_callback to) {
  mtmd_helper_log_set(to, nullptr);
}

#else

std::unique_ptr<RuntimeSenses> load_senses(llama_model*, const RuntimeSensesOptions&) {
  fail(Errc::unsupported,
       "this build reads no pictures and no sounds, since libmtmd was not there when it was built; install it (Debian: "
       "libllama-dev) and build dspy again");
}

void log_senses(ggml_log_callback) {}

#endif

}  // namespace dspy::llama::plugin
