"""Every attack that was thought of, and each default of Authlib's that must not come back, is a test by its name.

A row is an attack, in how many spellings it must be tried at least, and the tests that try it.
"""

import importlib
import math

import pytest

ASSERTION, TOKEN = "test_assertion_attacks", "test_token_attacks"
EXTERNAL, LOGIN = "people.test_external_attacks", "people.test_federated_attacks"
DEFAULTS, DPOP, KEYS = "test_authlib_defaults", "people.test_dpop", "people.test_issuer_keys"
CODE, REFRESH, DEVICE, DEVICE_PAGE = (f"people.test_{name}" for name in ("code", "refresh", "device", "device_page"))
AUTHORIZE, REDIRECTS, CONSENT = "people.test_authorize", "people.test_redirects", "people.test_consent"
PAGES, GARBAGE, WITHIN = "people.test_page_attacks", "people.test_page_garbage", "people.test_attacks_from_within"
CONFUSED, ISSUERS, TWO = "people.test_confusions", "people.test_issuer_confusions", "people.test_two_replicas"
ERRORS, THROTTLE = "test_sign_in_errors", "people.test_throttle"

AUTHLIBS_DEFAULTS = {
    "1 PKCE plain": f"{AUTHORIZE}.test_1_pkce_plain_is_refused",
    "2 a client with a key without PKCE": f"{AUTHORIZE}.test_2_so_is_a_client_with_a_key_without_pkce",
    "3 a challenge without its method": f"{AUTHORIZE}.test_3_so_is_a_challenge_without_its_method",
    "4 a public client without a challenge": f"{AUTHORIZE}.test_4_so_is_a_public_client_without_a_challenge",
    "5 a code redeemed eight times at once": f"{CODE}.test_of_twenty_at_once_one_succeeds",
    "6 a device endpoint for clients without the grant": f"{DEVICE}.test_who_is_no_client_that_may_is_refused",
    "7 a device code redeemed twice": f"{DEVICE}.test_a_code_is_redeemed_once",
    "8 an unknown device code is an invalid request": f"{DEVICE}.test_an_unknown_code_is_an_invalid_grant",
    "9 RS512 refused": f"{DEFAULTS}.test_9_rs512_assertions_are_taken",
    "10 ten years": f"{DEFAULTS}.test_10_a_ten_year_exp_several_audiences_and_another_client_id_are_refused",
    "11 clients told apart": f"{DEFAULTS}.test_11_a_client_that_does_not_exist_is_not_told_apart",
    "12 no typ": f"{DEFAULTS}.test_12_a_token_without_typ_is_refused",
    "12 a list means or": f"{DEFAULTS}.test_12_a_list_of_scopes_is_refused_and_there_is_leeway",
}
ATTACKS = [
    ("alg of an assertion", 12, f"{ASSERTION}.test_an_algorithm_off_the_list_is_refused"),
    ("alg of an access token", 12, f"{TOKEN}.test_an_algorithm_off_the_list_is_refused"),
    ("alg of an issuer's token", 12, f"{EXTERNAL}.test_an_algorithm_off_the_list_is_refused"),
    ("alg and kid of an id_token", 12 + 9, f"{ISSUERS}.test_an_id_token_under_another_header_signs_nobody_in"),
    ("kid of an assertion", 9, f"{ASSERTION}.test_a_kid_is_only_ever_compared"),
    (
        "kid of an access token",
        9,
        f"{TOKEN}.test_a_header_that_is_not_ours_is_refused",
        f"{TOKEN}.test_a_kid_that_is_no_text_is_refused",
    ),
    ("kid of an issuer's token", 9, f"{EXTERNAL}.test_a_kid_that_is_not_the_issuers_is_refused"),
    ("jku, x5u, jwk, x5c of an assertion", 5, f"{ASSERTION}.test_a_key_in_the_header_is_never_used"),
    ("of an access token", 4, f"{TOKEN}.test_a_key_in_the_header_is_never_used"),
    ("of an issuer's token", 4, f"{EXTERNAL}.test_a_key_in_the_header_is_neither_used_nor_fetched"),
    ("of an id_token", 5, f"{ISSUERS}.test_a_key_that_an_id_token_brings_is_neither_used_nor_fetched"),
    ("JWKS flooding", 1, f"{KEYS}.test_made_up_keys_do_not_make_us_ask_again_and_again"),
    ("JWKS slow", 1, f"{KEYS}.test_an_answer_that_drips_is_not_waited_for"),
    ("JWKS huge", 1, f"{KEYS}.test_a_huge_answer_is_read_no_further_than_its_bound"),
    ("JWKS redirecting", 1, f"{KEYS}.test_a_redirect_is_not_followed"),
    ("issuer mix-up", 3, f"{LOGIN}.test_an_answer_of_another_issuer_is_refused"),
    ("trailing slash, list iss", 4, f"{EXTERNAL}.test_an_iss_is_compared_letter_by_letter"),
    ("audience of an assertion", 7, f"{ASSERTION}.test_an_assertion_for_somebody_else_is_refused"),
    ("audience of an access token", 7, f"{TOKEN}.test_a_token_for_or_of_somebody_else_is_refused"),
    ("audience of an issuer's token", 7, f"{EXTERNAL}.test_a_token_for_somebody_else_is_refused"),
    ("id_token as access token", 1, f"{EXTERNAL}.test_an_id_token_is_no_access_token"),
    ("access token as id_token", 7, f"{LOGIN}.test_an_id_token_that_is_wrong_signs_nobody_in"),
    ("assertion as access token", 1, f"{TOKEN}.test_an_assertion_is_no_access_token"),
    ("access token as assertion", 1, f"{ASSERTION}.test_an_access_token_is_no_assertion"),
    ("each thing as another", 8, f"{CONFUSED}.test_nothing_serves_at_the_token_endpoint_in_the_place_of_another"),
    ("and elsewhere", 8, f"{CONFUSED}.test_nothing_serves_elsewhere_in_the_place_of_another"),
    ("times of an assertion", 12, f"{ASSERTION}.test_a_time_that_is_wrong_is_refused"),
    ("times of an access token", 12, f"{TOKEN}.test_a_time_that_is_wrong_is_refused"),
    ("times of an issuer's token", 12, f"{EXTERNAL}.test_a_time_that_is_wrong_is_refused"),
    ("times of an id_token", 12, f"{ISSUERS}.test_an_id_token_with_a_time_that_is_none_signs_nobody_in"),
    ("jti replay, 20 at once", 1, f"{ASSERTION}.test_of_twenty_replays_at_once_one_gets_a_token"),
    ("DPoP other key", 1, f"{DPOP}.test_another_key_proves_nothing"),
    ("DPoP no proof", 1, f"{DPOP}.test_a_bound_token_is_no_bearer_token"),
    ("DPoP replay", 1, f"{DPOP}.test_a_proof_is_good_once", f"{DPOP}.test_of_twenty_at_once_one_is_let_in"),
    ("DPoP htu", 11, f"{DPOP}.test_a_proof_for_another_address_is_refused"),
    ("DPoP htm, ath", 5, f"{DPOP}.test_a_proof_that_says_something_else_is_refused"),
    ("code replay", 1, f"{CODE}.test_a_code_that_comes_again_ends_what_it_became"),
    ("code of another client, to another redirect", 2, f"{CODE}.test_what_a_code_is_bound_to"),
    ("redirect_uri tricks", 11, f"{REDIRECTS}.test_a_browser_is_sent_nowhere_that_is_not_registered"),
    ("refresh reuse", 1, f"{REFRESH}.test_after_the_grace_a_token_that_comes_again_ends_the_session"),
    ("refresh race", 1, f"{REFRESH}.test_twenty_at_once_neither_fork_nor_sign_out"),
    ("refresh widened", 1, f"{REFRESH}.test_a_scope_is_narrowed_for_once_and_never_widened"),
    ("scope escalation", 19, f"{CONSENT}.test_no_role_gives_more_than_its_scopes"),
    ("scope escalation by exchange", 1, "people.test_exchange.test_the_scope_is_narrowed_and_never_widened"),
    ("device brute force", 1, f"{DEVICE_PAGE}.test_codes_that_are_guessed_are_counted_and_right_ones_in_between_do_not_help"),
    ("device phishing", 1, f"{DEVICE_PAGE}.test_a_device_is_connected_after_a_warning"),
    ("credentials in an address", 5, f"{CONFUSED}.test_credentials_in_an_address_are_refused_though_the_form_is_good"),
    ("a token beside its header", 7, f"{CONFUSED}.test_a_token_is_taken_from_its_header_alone"),
    ("a password in an address", 1, f"{PAGES}.test_an_address_never_takes_a_secret"),
    ("repeated parameters of a request", 3, f"{AUTHORIZE}.test_what_is_said_twice_is_refused"),
    ("repeated parameters of a form", 7, f"{CONFUSED}.test_what_is_said_twice_at_the_token_endpoint_is_refused_and_uses_nothing_up"),
    ("login CSRF", 1, f"{PAGES}.test_a_form_made_elsewhere_signs_nobody_in", f"{LOGIN}.test_another_browser_cannot_finish_it"),
    ("CSRF", 9, f"{PAGES}.test_a_form_without_this_sign_ins_token_does_nothing"),
    ("CSRF on a decision", 1, f"{CONSENT}.test_a_decision_of_another_browsers_is_none"),
    ("fixation", 1, f"{PAGES}.test_a_planted_session_is_never_signed_in"),
    ("user enumeration, by time too", 1, f"{PAGES}.test_nobody_is_told_apart_by_text_or_by_work"),
    ("clickjacking", 9, f"{PAGES}.test_no_page_is_framed_kept_or_runs_a_script"),
    ("open redirect", 20, f"{GARBAGE}.test_signing_in_leads_nowhere_else"),
    ("oversized and deep", 20, f"{ASSERTION}.test_what_is_no_jwt_is_refused"),
    ("deep proof", 3, f"{CONFUSED}.test_a_proof_that_is_deep_is_refused"),
    ("NUL and lone surrogates", 10, f"{ERRORS}.test_a_body_that_is_no_plain_form_is_refused"),
    ("and in the pages", 10, f"{GARBAGE}.test_garbage_is_refused_with_a_page"),
    ("stolen key of one trust's issuer", 12, f"{ISSUERS}.test_a_stolen_key_of_one_trusts_issuer_speaks_for_that_trust_at_most"),
    ("revoked but unexpired", 1, "test_revocation.test_a_revoked_token_stops_within_5_seconds_everywhere"),
    ("a person's", 4, f"{TWO}.test_what_ends_at_one_is_refused_at_the_other_within_five_seconds"),
    ("what waits at a kill switch", 8, f"{ISSUERS}.test_what_waits_when_an_issuer_is_switched_off_gives_nothing"),
    ("20 at once, a code", 1, f"{TWO}.test_of_twenty_at_once_one_redeems_a_code"),
    ("20 at once, a refresh token", 1, f"{TWO}.test_of_twenty_at_once_all_get_the_one_successor_of_a_refresh_token"),
    ("20 at once, a device code", 1, f"{TWO}.test_a_device_waits_at_one_is_approved_at_the_other_and_gets_its_tokens_once"),
    ("20 at once, a jti", 1, f"{TWO}.test_of_twenty_at_once_one_uses_a_jti"),
    ("20 at once, a proof", 1, f"{TWO}.test_of_twenty_at_once_one_uses_a_proof_at_the_api"),
    ("an administrator's own application", 1, f"{WITHIN}.test_an_administrators_application_decides_as_nobody_who_was_not_asked"),
    ("guesses from made-up addresses", 1, f"{WITHIN}.test_an_address_that_is_made_up_does_not_share_out_guesses"),
    ("a made-up proxy", 1, f"{THROTTLE}.test_a_proxy_is_believed_who_asks_when_it_is_named_and_nobody_else"),
]  # fmt: skip


def spellings(named: str) -> int:
    """Count in how many spellings a test tries its attack."""
    module, _, name = named.rpartition(".")
    test = getattr(importlib.import_module(f"tests.{module}"), name)
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    return math.prod(len(list(mark.args[1])) for mark in marks)


@pytest.mark.parametrize("default", AUTHLIBS_DEFAULTS)
def test_a_default_of_authlibs_is_a_test(default: str) -> None:
    assert spellings(AUTHLIBS_DEFAULTS[default])


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack[0])
def test_an_attack_is_a_test_in_all_its_spellings(attack: tuple[str, int, *tuple[str, ...]]) -> None:
    _, least, *tests = attack
    assert sum(map(spellings, tests)) >= least
