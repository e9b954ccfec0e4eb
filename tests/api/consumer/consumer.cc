/* The same from C++, with the options' initialisers, which must be good C++ too. */
#include <cclip/cclip.h>
#include <iostream>
#include <string>

int main()
{
    const cclip_model_options model = CCLIP_MODEL_OPTIONS_INIT;
    const cclip_session_options session = CCLIP_SESSION_OPTIONS_INIT;
    const cclip_tokenizer_options tokenizer = CCLIP_TOKENIZER_OPTIONS_INIT;
    const cclip_evaluate_options evaluate = CCLIP_EVALUATE_OPTIONS_INIT;
    const cclip_preprocessing preprocessing = CCLIP_PREPROCESSING_INIT;
    if (model.version != CCLIP_MODEL_OPTIONS_VERSION || session.version != CCLIP_SESSION_OPTIONS_VERSION ||
        tokenizer.version != CCLIP_TOKENIZER_OPTIONS_VERSION || evaluate.version != CCLIP_EVALUATE_OPTIONS_VERSION ||
        preprocessing.version != CCLIP_PREPROCESSING_VERSION)
        return 1;
    std::cout << cclip_version() << ' ' << cclip_status_name(CCLIP_OK) << ' ' << cclip_cpu_level() << '\n';
    return std::string(cclip_version()) != CCLIP_VERSION_STRING || cclip_cpu_count() < 1;
}
