// cclip from C++: handles that close themselves, failures as exceptions. A header of this size is all
// a C++ program needs; take it over as it is.
//
//     5_wrapper TEXT PICTURE...       pictures in order of how well they fit the text

#include <cclip/cclip.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace cclip {

struct error : std::runtime_error {
    explicit error(cclip_status s) : std::runtime_error(cclip_error_message()), status(s) {}
    cclip_status status;
};

inline void check(cclip_status status)
{
    if (status != CCLIP_OK)
        throw error(status);
}

// A close function of C takes the address of the handle; unique_ptr gives it the handle.
template <typename T, void (*close)(T **)> struct closer {
    void operator()(T *handle) const { close(&handle); }
};
template <typename T, void (*close)(T **)> using handle = std::unique_ptr<T, closer<T, close>>;

class model {
public:
    explicit model(const char *name = nullptr)
    {
        cclip_model *opened = nullptr;
        check(cclip_model_open(&opened, name, nullptr));
        model_.reset(opened);
    }
    cclip_model_info info() const
    {
        cclip_model_info info = {};
        info.version = CCLIP_MODEL_INFO_VERSION;
        check(cclip_model_get_info(model_.get(), &info));
        return info;
    }
    cclip_model *get() const { return model_.get(); }

private:
    handle<cclip_model, cclip_model_close> model_;
};

using embedding = std::vector<float>;

// One thread's use of a model; the model must outlive it.
class session {
public:
    explicit session(const model &m) : dim_(m.info().embedding_dim)
    {
        cclip_session *opened = nullptr;
        check(cclip_session_open(&opened, m.get(), nullptr));
        session_.reset(opened);
    }
    embedding text(const std::string &text)
    {
        embedding out(dim_);
        const char *data = text.data();
        const size_t length = text.size();
        check(cclip_embed_texts(session_.get(), out.data(), &data, &length, 1, 1, 1));
        return out;
    }
    embedding picture(const std::string &path)
    {
        embedding out(dim_);
        const char *name = path.c_str();
        check(cclip_embed_files(session_.get(), out.data(), &name, 1, nullptr, 1, nullptr, nullptr));
        return out;
    }

private:
    handle<cclip_session, cclip_session_close> session_;
    size_t dim_;
};

inline float cosine(const embedding &a, const embedding &b)
{
    return cclip_similarity(a.data(), b.data(), a.size());
}

} // namespace cclip

int main(int argc, char **argv)
{
    if (argc < 3) {
        std::fprintf(stderr, "usage: %s TEXT PICTURE...\n", argv[0]);
        return 2;
    }
    try {
        const cclip::model model;
        cclip::session session(model);
        const cclip::embedding text = session.text(argv[1]);
        std::vector<std::pair<float, std::string>> found;
        for (int i = 2; i < argc; i++)
            found.emplace_back(cclip::cosine(text, session.picture(argv[i])), argv[i]);
        std::sort(found.rbegin(), found.rend());
        for (const auto &one : found)
            std::printf("%.3f  %s\n", static_cast<double>(one.first), one.second.c_str());
    } catch (const std::exception &failure) {
        std::fprintf(stderr, "%s\n", failure.what());
        return 1;
    }
    return 0;
}
