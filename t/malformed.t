# Malformed everything: each gets its exact problem, and the connection after
# it is as good as before.

use Carmen::Test;

my $t = Carmen::Test->new;
my $c = $t->client(scope => 'catalog:read catalog:write');
my $path = '/api/v1/brands';
my $brand = $c->post($path, json => { name => 'Fixed' }, key => 'fixed')->json;
my $one = "$path/$brand->{brandId}";
my $keys = 0;

sub raw
{
    my ($name, $bytes, $status, $problem) = @_;
    my $response = eval { $c->with(timeout => 5)->raw($bytes, 'GET') };
    problem_is($response, $status, $problem, "$name: $status $problem");
}

sub request
{
    my ($name, $status, $problem, $method, $path, %with) = @_;
    return problem_is($c->request($method, $path, %with), $status, $problem,
                      "$name: $status $problem");
}

# A value may repeat; the key of each request is its own.
sub create
{
    my ($name, $status, $problem, $body, %with) = @_;
    my $members = request($name, $status, $problem, POST => $path,
        body => $body, key => 'm' . ++$keys, %with);
    return $members;
}

# Bytes that are not HTTP.

my $host = "Host: a\r\n";
raw('a word', "garbage\r\n\r\n", 400, 'bad-request');
raw('a lower-case method', "get / HTTP/1.1\r\n$host\r\n", 400, 'bad-request');
raw('a method of signs', "G<>T / HTTP/1.1\r\n$host\r\n", 400, 'bad-request');
raw('no Host', "GET $path HTTP/1.1\r\n\r\n", 400, 'bad-request');
raw('two Hosts', "GET $path HTTP/1.1\r\n${host}Host: b\r\n\r\n", 400,
    'bad-request');
raw('a header without a colon', "GET $path HTTP/1.1\r\n${host}bad header\r\n"
    . "\r\n", 400, 'bad-request');
raw('a NUL in a header', "GET $path HTTP/1.1\r\n${host}X: a\0b\r\n\r\n", 400,
    'bad-request');
raw('%zz', "GET $path/%zz HTTP/1.1\r\n$host\r\n", 400, 'bad-request');
raw('%00', "GET $path/%00 HTTP/1.1\r\n$host\r\n", 400, 'bad-request');
raw('above the root', "GET /../../etc/passwd HTTP/1.1\r\n$host\r\n", 400,
    'bad-request');
raw('the preface of HTTP/2', "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400,
    'bad-request');
raw('a TLS hello', "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400,
    'bad-request');
raw('both framings', "POST $path HTTP/1.1\r\n${host}Transfer-Encoding: "
    . "chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400, 'bad-request');
raw('a negative length', "POST $path HTTP/1.1\r\n${host}Content-Length: -1"
    . "\r\n\r\n", 400, 'bad-request');
raw('two lengths', "POST $path HTTP/1.1\r\n${host}Content-Length: 1\r\n"
    . "Content-Length: 2\r\n\r\n", 400, 'bad-request');
raw('a chunk that is none', "POST $path HTTP/1.1\r\n${host}Authorization: "
    . "Bearer $c->{token}\r\nIdempotency-Key: q\r\nContent-Type: "
    . "application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
    'bad-request');
raw('a long URI', 'GET /' . 'a' x 9000 . " HTTP/1.1\r\n$host\r\n", 414,
    'uri-too-long');
raw('a long header', "GET $path HTTP/1.1\r\n${host}X: " . 'a' x 9000
    . "\r\n\r\n", 431, 'header-too-large');
raw('many headers', "GET $path HTTP/1.1\r\n$host"
    . join('', map { "X$_: " . 'a' x 3000 . "\r\n" } 1 .. 12) . "\r\n", 431,
    'header-too-large');
raw('a coding of no use', "POST $path HTTP/1.1\r\n${host}Transfer-Encoding: gzip"
    . "\r\n\r\n", 501, 'not-implemented');
raw('HTTP of the future', "GET $path HTTP/9.1\r\n$host\r\n", 505,
    'version-not-supported');
raw('TRACE', "TRACE $path HTTP/1.1\r\n$host\r\n", 405, 'method-not-allowed');

# Paths and methods.

request('an unknown path', 404, 'not-found', GET => '/api/v1/nothing');
request('outside of every location', 404, 'not-found', GET => '/nothing');
request('an id that is none', 404, 'not-found', GET => "$path/xyz");
request('an id of nothing', 404, 'not-found',
        GET => "$path/01890000-0000-7000-8000-0000000000aa");
request('a slash too many', 404, 'not-found', GET => "$path/");
request("a method it does not have: $_", 405, 'method-not-allowed',
        $_ => $path) for qw(DELETE PUT PATCH FOO);
like($c->delete($path)->header('allow'), qr/^(?=.*\bGET\b)(?=.*\bPOST\b)/,
     'Allow names those that it has');

# Query.

for (['an unknown parameter', 'x=1'], ['one twice', 'limit=1&limit=2'],
     ['limit 0', 'limit=0'], ['limit 201', 'limit=201'],
     ['limit of letters', 'limit=abc'], ['an empty limit', 'limit='],
     ['a negative limit', 'limit=-1'], ['an unknown sort', 'sort=foo'],
     ['an unknown status', 'status=foo'], ['not UTF-8', 'q=%ff%fe'],
     ['a NUL', 'q=%00'], ['a bad escape', 'q=%zz'],
     ['a limit beyond 64 bits', 'limit=99999999999999999999'])
{
    my $members = request($_->[0], 400, 'invalid-parameter',
                          GET => "$path?$_->[1]");
    ok(@{ $members->{errors} // [] }, "$_->[0]: errors says which");
}
request('a cursor of nothing', 400, 'invalid-cursor', GET => "$path?cursor=a");
request('a long cursor', 400, 'invalid-parameter',
        GET => "$path?cursor=" . 'A' x 4000);

# Media types.

request('Accept: text/html', 406, 'not-acceptable', GET => $path,
        headers => { Accept => 'text/html' });
create('no Content-Type', 415, 'unsupported-media-type', '{"name":"x"}',
       headers => { 'Content-Type' => undef });
create('text/plain', 415, 'unsupported-media-type', '{"name":"x"}',
       type => 'text/plain');
create('a compressed body', 415, 'unsupported-media-type', "\x1f\x8b",
       headers => { 'Content-Encoding' => 'gzip' });

# Idempotency-Key and If-Match.

request('no key', 400, 'idempotency-key-required', POST => $path,
        json => { name => 'x' });
request('an empty key', 400, 'idempotency-key-invalid', POST => $path,
        json => { name => 'x' }, key => '');
request('a long key', 400, 'idempotency-key-invalid', POST => $path,
        json => { name => 'x' }, key => 'x' x 300);
request('a key with a space', 400, 'idempotency-key-invalid', POST => $path,
        json => { name => 'x' }, key => 'a b');
request('two keys', 400, 'idempotency-key-invalid', POST => $path,
        json => { name => 'x' },
        headers => ['Idempotency-Key' => 'a', 'Idempotency-Key' => 'b']);
request('the key of another body', 422, 'idempotency-mismatch', POST => $path,
        json => { name => 'Another' }, key => 'fixed');
request('no If-Match', 428, 'precondition-required', PATCH => $one,
        json => { name => 'B' });
request("If-Match: $_", 412, 'precondition-failed', PATCH => $one,
        json => { name => 'B' }, headers => { 'If-Match' => $_ })
    for 'junk', 'W/"1"', '"99"', '"99999999999999999999"';

# Bodies that are not JSON.

for (['a brace', '{'], ['a name twice', '{"name":"a","name":"b"}'],
     ['not UTF-8', qq({"name":"\xff"})], ['overlong', qq({"name":"\xc0\xaf"})],
     ['a lone surrogate', '{"name":"\ud800"}'], ['NaN', '{"name":NaN}'],
     ['a comma too many', '{"name":"a",}'], ['single quotes', "{'name':'a'}"],
     ['something behind', '{"name":"a"} x'],
     ['a byte order mark', qq(\xef\xbb\xbf{"name":"a"})],
     ['U+0000', '{"name":"a\u0000b"}'], ['a NUL', qq({"name":"a\0b"})],
     ['a raw line feed', qq({"name":"a\nb"})],
     ['deep arrays', '[' x 100 . ']' x 100],
     ['very deep arrays', '[' x 100_000],
     ['deep objects', '{"a":' x 70 . 1 . '}' x 70],
     ['a number without end', '{"name":1e999}'],
     ['a comment', '{"name":"a"/**/}'])
{
    my $members = create($_->[0], 400, 'invalid-json', $_->[1]);
    ok(length($members->{detail} // ''), "$_->[0]: detail says where");
}

# Bodies that do not fit.

for (['nothing', ''], ['an array', '[]'], ['a string', '"x"'],
     ['null', 'null'], ['no name', '{}'], ['a name of a number', '{"name":5}'],
     ['an unknown member', '{"name":"x","foo":1}'], ['no text', '{"name":""}'],
     ['a null name', '{"name":null}'],
     ['a long name', '{"name":"' . 'x' x 3000 . '"}'])
{
    my $members = create($_->[0], 422, 'validation-failed', $_->[1]);
    my ($error) = @{ $members->{errors} // [] };
    ok($error && defined $error->{pointer} && length($error->{code} // '')
       && length($error->{detail} // ''), "$_->[0]: pointer, code, detail");
}
create('a body of megabytes', 413, 'content-too-large',
       '{"name":"' . 'x' x 1_100_000 . '"}');

# Tokens.

request('no token', 401, 'unauthorized', GET => $path, token => undef);
like($c->get($path, token => undef)->header('www-authenticate') // '',
     qr/^Bearer/, 'and WWW-Authenticate says what to bring');
request('Basic', 401, 'unauthorized', GET => $path,
        headers => { Authorization => 'Basic eDp5' });
for (['junk', 'junk'], ['nothing', ''], ['two dots', '..'],
     ['ten thousand bytes', 'a' x 5000],
     ['alg none', $t->keys->sign({ alg => 'none', typ => 'at+jwt' },
                                 { sub => 'x' }, 'none')],
     ['an expired one', $t->token(scope => 'catalog:read',
                                  exp => time - 3600)])
{
    request("a token of $_->[0]", 401, 'invalid-token', GET => $path,
            token => $_->[1]);
}
request('too little scope', 403, 'insufficient-scope', POST => $path,
        json => { name => 'x' }, key => 'scope',
        token => $t->token(scope => 'catalog:read'));

# Nothing of it left anything, and the server is well.

is($t->sql('SELECT count(*) FROM catalog.brand'), 1, 'one brand, as before');
json_is($c->get($one), 200, { name => 'Fixed' });

done_testing;
