#!/usr/bin/perl
# Passkeys: made and used by Chromium's virtual authenticator, judged by
# @simplewebauthn/server as well, and everything that must be refused.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

use Carmen::Test;
use File::Copy qw(copy);
use File::Path qw(make_path);
use IPC::Open2;
use MIME::Base64 qw(decode_base64url encode_base64 encode_base64url);

my ($npm, $node, $chromium) = map {
    my $name = $_;
    (grep { -x } map { "$_/$name" } split /:/, $ENV{PATH})[0]
} qw(npm node chromium);
plan(skip_all => 'npm, node or chromium is not installed')
    if !$npm || !$node || !$chromium;

my $dir = "$Carmen::Cluster::ROOT/.build/npm/webauthn";
my $source = "$Carmen::Cluster::ROOT/t/webauthn";
my $lock = Carmen::Nginx::slurp("$source/package-lock.json");
make_path($dir);

if (Carmen::Nginx::slurp("$dir/installed") ne $lock) {
    copy("$source/$_", "$dir/$_") or die "$source/$_: $!"
        for qw(package.json package-lock.json);
    my $said = `cd '$dir' && '$npm' ci --no-audit --no-fund --ignore-scripts 2>&1`;
    $? == 0 or plan(skip_all => "npm ci: $said");
    Carmen::Token::write_file("$dir/installed", $lock);
}
copy("$source/drive.mjs", "$dir/drive.mjs") or die "drive.mjs: $!";

my $PASSWORD = 'correct horse battery staple';
my $ME = '/api/v1/users/me/mfa';

my $t = Carmen::Test->new(
    domains => ['auth', 'users'],
    no_start => 1,
    log_level => 'info',
    main => 'thread_pool passwords threads=2;',
    locations => <<'END',
        location = /passkey.html {
            carmen_auth off;
            default_type text/html;
            return 200 '<!doctype html><title>passkey</title>';
        }
END
);
my $origin = 'http://localhost:' . $t->port;
$t->nginx->{server} = <<"END";
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Real-IP;
        carmen_auth_bcrypt_cost 4;
        carmen_auth_thread_pool passwords;
        carmen_auth_webauthn_id localhost;
        carmen_auth_webauthn_name Shop;
        carmen_auth_webauthn_origin $origin;
END
$t->nginx->start;
my $c = $t->client;

my $pid = open2(my $out, my $in, 'sh', '-c',
    "cd '$dir' && exec '$node' drive.mjs '$origin' '$chromium' 2>drive.log");
END { close $in if $in; waitpid $pid, 0 if $pid; $? = 0 if !$pid; }

sub drive
{
    my ($op, %with) = @_;
    print $in to_json({ op => $op, %with }), "\n";
    $in->flush;
    my $answer = from_json(scalar <$out> // '{"error":"gone"}');
    diag("$op: $answer->{error}") if $answer->{error};
    return $answer;
}

sub account
{
    my ($login) = @_;
    my $hash = crypt $PASSWORD, '$2b$04$abcdefghijklmnopqrstuu';

    return $t->sql(<<"END");
        WITH id AS MATERIALIZED (SELECT core.uuid7() AS id),
        made AS MATERIALIZED (SELECT auth.credential_create('demo', id,
            '$login', '$hash', '{customer}') FROM id)
        SELECT id FROM id, made
END
}

my $address = 0;
sub from { (headers => { 'X-Real-IP' => '198.51.100.' . ++$address % 250 }) }
sub post { $c->post("/api/v1$_[0]", from(), json => $_[1]) }
sub login { post('/auth/login', { email => $_[0], password => $PASSWORD }) }
sub as { $c->with(token => $_[0]->json->{access_token}) }
sub claims { from_json(decode_base64url((split /\./,
    $_[0]->json->{access_token})[1])) }
sub begin { $_[0]->post("$ME/passkeys/options")->json }

sub add
{
    my ($user, $token, $credential, %with) = @_;
    return $user->post("$ME/passkeys", json => {
        challenge_token => $token, credential => $credential, %with });
}

# The second factor of a login: its challenge, with WebAuthn options.

sub second
{
    my ($login) = @_;
    my $p = login($login)->json;
    return post('/auth/mfa/passkey',
        { challenge_token => $p->{challenge_token} })->json;
}

sub prove
{
    my ($token, $credential) = @_;
    return post('/auth/mfa', { challenge_token => $token,
        method => 'webauthn', credential => $credential });
}

my %ctap2 = (protocol => 'ctap2', transport => 'internal',
    hasResidentKey => \1, hasUserVerification => \1, isUserVerified => \1,
    automaticPresenceSimulation => \1);


my $ada = account('ada@example.com');
my ($known, $user);

subtest 'a browser makes a passkey' => sub {
    $user = as(login('ada@example.com'));
    my $started = drive('start', authenticator => \%ctap2);
    ok($started->{version}, 'Chromium') or return;
    note "Chromium $started->{version}";

    my $begin = $user->post("$ME/passkeys/options");
    is($begin->status, 200, 'options') or diag($begin->body);
    my $options = $begin->json->{publicKey};
    is($options->{rp}{id}, 'localhost', 'rp.id');
    is($options->{rp}{name}, 'Shop', 'rp.name');
    is(decode_base64url($options->{user}{id}), $ada, 'user.id');
    is($options->{user}{name}, 'ada@example.com', 'user.name');

    my $made = drive('create', options => $options);
    my $r = add($user, $begin->json->{challenge_token}, $made,
        name => 'My laptop');
    is($r->status, 201, 'it is registered') or diag($r->body);
    uuid_ok($r->json->{passkeyId}, 'passkeyId');
    is(scalar @{ $r->json->{recoveryCodes} }, 10, 'with recovery codes');

    $known = drive('agreeRegistration', response => $made,
        challenge => $options->{challenge});
    ok($known->{verified}, '@simplewebauthn/server agrees');
    is($t->sql("SELECT credential_id FROM auth.passkey"), $known->{id},
        'on the id');
    is($t->sql("SELECT sign_count FROM auth.passkey"), $known->{counter},
        'and the counter');
    json_is($user->get($ME), 200, { passkeys => [{ name => 'My laptop' }] },
        'it is listed');

    problem_is(add($user, $begin->json->{challenge_token}, $made), 401,
        'invalid-challenge', 'a challenge is good once');
    is($user->post("$ME/passkeys/options")
        ->json->{publicKey}{excludeCredentials}[0]{id}, $known->{id},
        'the same authenticator is not asked twice');
};


subtest 'as second factor' => sub {
    my $p = login('ada@example.com')->json;
    is_deeply($p->{methods}, ['webauthn', 'recovery'], 'methods');
    my $asked = second('ada@example.com');
    my $used = drive('get', options => $asked->{publicKey});
    my $r = prove($asked->{challenge_token}, $used);
    is($r->status, 200, 'a login') or diag($r->body);
    is(claims($r)->{acr}, 'aal2', 'acr');
    is_deeply(claims($r)->{amr}, ['pwd', 'hwk', 'user', 'mfa'], 'amr');

    my $agree = drive('agreeAuthentication', response => $used,
        challenge => $asked->{publicKey}{challenge}, credential => {
            id => $known->{id}, publicKey => $known->{publicKey},
            counter => $known->{counter} });
    ok($agree->{verified}, '@simplewebauthn/server agrees');
    is($t->sql('SELECT sign_count FROM auth.passkey'), $agree->{counter},
        'on the counter');

    $asked = second('ada@example.com');
    problem_is(prove($asked->{challenge_token}, $used), 401,
        'invalid-factor', 'a replayed message');
    my $late = drive('get', options => $asked->{publicKey});
    problem_is(prove($asked->{challenge_token}, $late), 401,
        'invalid-factor', 'a WebAuthn challenge is good once');
};


subtest 'alone' => sub {
    my $asked = post('/auth/passkey/options', {});
    is($asked->status, 200, 'options without a name') or diag($asked->body);
    $asked = $asked->json;
    is_deeply($asked->{publicKey}{allowCredentials}, [], 'nobody is named');
    is($asked->{publicKey}{userVerification}, 'required', 'the user is');

    my $used = drive('get', options => $asked->{publicKey});
    my $r = post('/auth/passkey', {
        challenge_token => $asked->{challenge_token}, credential => $used });
    is($r->status, 200, 'a login without password') or diag($r->body);
    is(claims($r)->{sub}, $ada, 'as Ada');
    is(claims($r)->{acr}, 'aal2', 'acr');
    is_deeply(claims($r)->{amr}, ['hwk', 'user', 'mfa'], 'amr');
    problem_is(post('/auth/passkey', {
        challenge_token => $asked->{challenge_token}, credential => $used }),
        401, 'invalid-challenge', 'once');

    # The browser is told not to verify, and the message says so.
    $asked = post('/auth/passkey/options', {})->json;
    $asked->{publicKey}{userVerification} = 'discouraged';
    drive('verified', value => \0);
    $used = drive('get', options => $asked->{publicKey});
    my $p = problem_is(post('/auth/passkey', {
        challenge_token => $asked->{challenge_token}, credential => $used }),
        401, 'invalid-factor', 'a user who was not verified');
    is($p->{detail}, 'The user was not verified.', 'why');
    drive('verified', value => \1);
    problem_is(post('/auth/mfa', { method => 'totp', code => '123456',
        challenge_token => $asked->{challenge_token} }), 401,
        'invalid-factor', 'a code in its place');
};


subtest 'algorithms and attestations' => sub {
    my $bob = account('bob@example.com');
    my $user = as(login('bob@example.com'));

    for my $alg (qw(ES256 EdDSA RS256)) {
        my $begin = begin($user);
        my $made = drive('make', alg => $alg, fmt => 'packed',
            challenge => $begin->{publicKey}{challenge});
        my $r = add($user, $begin->{challenge_token}, $made);
        is($r->status, 201, "$alg, packed, self") or diag($r->body);
        ok(drive('agreeRegistration', response => $made,
            challenge => $begin->{publicKey}{challenge})->{verified},
            'agreed');

        my $asked = second('bob@example.com');
        is(prove($asked->{challenge_token}, drive('use', id => $made->{id},
            challenge => $asked->{publicKey}{challenge}))->status, 200,
            "a login with $alg");
    }
    is($t->sql("SELECT string_agg(alg || ' ' || attestation, ','
                ORDER BY passkey_id) FROM auth.passkey
                WHERE user_id = '$bob'"),
        'ES256 self,EdDSA self,RS256 self', 'as the database has it');

    my $nginx = $t->nginx->dir;
    for my $case (['Authenticator Attestation', 'FALSE', 201],
                  ['Something Else', 'FALSE', 422],
                  ['Authenticator Attestation', 'TRUE', 422])
    {
        my ($unit, $ca, $status) = @$case;
        system("openssl req -x509 -newkey ec -pkeyopt "
            . "ec_paramgen_curve:P-256 -nodes -keyout $nginx/a.key "
            . "-out $nginx/a.crt -subj '/C=DE/O=Carmen/OU=$unit/CN=a' "
            . "-addext basicConstraints=critical,CA:$ca -days 9 2>/dev/null");
        my $begin = begin($user);
        my $r = add($user, $begin->{challenge_token}, drive('make',
            fmt => 'packed', key => Carmen::Nginx::slurp("$nginx/a.key"),
            x5c => join('', grep { !/-----/ }
                split /\n/, Carmen::Nginx::slurp("$nginx/a.crt")),
            challenge => $begin->{publicKey}{challenge}));
        is($r->status, $status, "x5c: $unit, CA $ca") or diag($r->body);
    }
};


subtest 'forged registrations' => sub {
    account('carl@example.com');
    my $user = as(login('carl@example.com'));
    my $point = encode_base64url(pack 'H*', 'a0');

    for my $case (
        ['another origin', origin => 'https://evil.example'],
        ['a prefix of the origin', origin => "$origin.evil.example"],
        ['another relying party', rpId => 'evil.example'],
        ['another type', type => 'webauthn.get'],
        ['a frame of another origin', crossOrigin => \1],
        ['another challenge', challenge => encode_base64url('x' x 32)],
        ['no challenge', challenge => ''],
        ['nobody present', flags => 0x40],
        ['no credential', flags => 0x01],
        ['backed up but not able to', flags => 0x51],
        ['extensions that are not there', flags => 0xc5],
        ['bytes behind it', tail => 'AA'],
        ['CBOR behind it', append => 'AA'],
        ['CBOR cut short', cut => 1],
        ['CBOR cut shorter', cut => 80],
        ['an empty map', object => $point],
        ['an endless map', object => encode_base64url("\xbf\xff")],
        ['a map of 2**64 pairs',
            object => encode_base64url("\xbb" . "\xff" x 8)],
        ['arrays in arrays', object => encode_base64url("\x81" x 2000)],
        ['no CBOR', object => encode_base64url('{"fmt":"none"}')],
        ['an unknown format', fmt => 'android-safetynet'],
        ['a bad signature', fmt => 'packed', badSignature => \1],
        ['another algorithm', fmt => 'packed', label => -257],
    ) {
        my ($what, %with) = @$case;
        my $begin = begin($user);
        my $r = add($user, $begin->{challenge_token}, drive('make',
            challenge => $begin->{publicKey}{challenge}, %with));
        my $p = problem_is($r, 422, 'validation-failed', $what);
        ok($p->{errors}[0]{detail}, $p->{errors}[0]{detail});
    }

    my $begin = begin($user);
    my $made = drive('make', challenge => $begin->{publicKey}{challenge});
    my $other = as(login('carl@example.com'));
    problem_is(add($other, $begin->{challenge_token}, $made), 401,
        'invalid-challenge', 'the challenge of another session');
    $begin = begin($user);
    $made = drive('make', id => $known->{id},
        challenge => $begin->{publicKey}{challenge});
    problem_is(add($user, $begin->{challenge_token}, $made), 409,
        'conflict', 'the credential id of another');
    $begin = begin($user);
    $made = drive('make', challenge => $begin->{publicKey}{challenge});
    problem_is(add($user, $begin->{challenge_token}, { %$made,
        id => encode_base64url('y' x 32) }), 422, 'validation-failed',
        'an id that is not in the authenticator data');
    problem_is(add($user, begin($user)->{challenge_token}, {}), 422,
        'validation-failed', 'an empty credential');
    is($t->sql("SELECT count(*) FROM auth.passkey p JOIN auth.credential c
        USING (tenant, user_id) WHERE c.login = 'carl\@example.com'"), 0,
        'nothing was registered');
};


subtest 'forged assertions' => sub {
    my $dan = account('dan@example.com');
    my $user = as(login('dan@example.com'));
    my $begin = begin($user);
    my $made = drive('make', challenge => $begin->{publicKey}{challenge});
    is(add($user, $begin->{challenge_token}, $made)->status, 201,
        'an honest key');
    my $count = 10;

    my $try = sub {
        my (%with) = @_;
        my $asked = second('dan@example.com');
        return prove($asked->{challenge_token}, drive('use',
            id => $made->{id}, count => ++$count,
            challenge => $asked->{publicKey}{challenge}, %with));
    };

    is($try->()->status, 200, 'an honest assertion');

    for my $case (
        ['another origin', origin => 'https://evil.example'],
        ['another relying party', rpId => 'evil.example'],
        ['another type', type => 'webauthn.create'],
        ['another challenge', challenge => encode_base64url('x' x 32)],
        ['nobody present', flags => 0x04],
        ['a bad signature', badSignature => \1],
        ['bytes behind it', tail => 'AA'],
        ['the handle of another', userHandle => encode_base64url($ada)],
    ) {
        my ($what, %with) = @$case;
        problem_is($try->(%with), 401, 'invalid-factor', $what);
    }

    is($try->()->status, 200, 'another honest one');
    problem_is($try->(count => $count), 401, 'invalid-factor',
        'the counter stands still');
    problem_is($try->(count => 3), 401, 'invalid-factor',
        'the counter goes back');
    problem_is($try->(count => 0), 401, 'invalid-factor',
        'the counter is gone');
    is($t->sql("SELECT count(*) FROM core.audit
                WHERE operation = 'auth.passkey.cloned'"), 3,
        'which is on record');

    my $asked = second('dan@example.com');
    problem_is(prove($asked->{challenge_token}, { %{ drive('use',
        id => $made->{id}, count => ++$count,
        challenge => $asked->{publicKey}{challenge}) },
        id => $known->{id} }), 401, 'invalid-factor',
        'under the id of another');

    $asked = second('ada@example.com');
    problem_is(prove($asked->{challenge_token}, drive('use',
        id => $made->{id}, count => ++$count,
        challenge => $asked->{publicKey}{challenge})), 401,
        'invalid-factor', "Dan's key at Ada's login");

    $asked = post('/auth/passkey/options', {})->json;
    problem_is(post('/auth/passkey', {
        challenge_token => $asked->{challenge_token}, credential =>
        drive('use', id => $made->{id}, count => ++$count, flags => 1,
            userHandle => encode_base64url($dan),
            challenge => $asked->{publicKey}{challenge}) }), 401,
        'invalid-factor', 'alone without verification');
    $asked = post('/auth/passkey/options', { tenant => 'acme' })->json;
    problem_is(post('/auth/passkey', {
        challenge_token => $asked->{challenge_token}, credential =>
        drive('use', id => $made->{id}, count => ++$count,
            userHandle => encode_base64url($dan),
            challenge => $asked->{publicKey}{challenge}) }), 401,
        'invalid-factor', 'in another tenant');
};


subtest 'removal' => sub {
    my $user = as(do {
        my $asked = second('ada@example.com');
        prove($asked->{challenge_token},
            drive('get', options => $asked->{publicKey}));
    });
    my $id = $user->get($ME)->json->{passkeys}[0]{passkeyId};
    my $strange = $t->sql("SELECT passkey_id FROM auth.passkey p
        JOIN auth.credential c USING (tenant, user_id)
        WHERE c.login = 'dan\@example.com'");

    problem_is($user->delete("$ME/passkeys/$strange"), 404, 'not-found',
        'that of another');
    is($user->delete("$ME/passkeys/$id")->status, 204, 'its own');
    is(login('ada@example.com')->status, 200, 'the password is enough again');
};

done_testing();
