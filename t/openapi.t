# The OpenAPI document is valid, and the server does what it says.

use Carmen::Test;
use File::Copy qw(copy);
use File::Path qw(make_path);

my $t = Carmen::Test->new;
my $c = $t->client;
my %built = map { $_ => 1 } Carmen::Nginx::built();

my $path = '/api/v1/openapi.json';
my $r = $c->get($path);
is($r->status, 200, 'the document');
is($r->header('content-type'), 'application/json', 'its media type');
like($r->header('etag'), qr/^"[0-9a-f]{32}"$/, 'a strong ETag');
my $document = $r->json;
is($document->{openapi}, '3.1.0', 'OpenAPI 3.1');

# Conditional requests and other methods.

my $again = $c->get($path, headers => { 'If-None-Match' => $r->header('etag') });
is($again->status, 304, 'not modified');
is($again->header('etag'), $r->header('etag'), 'with its ETag');
is($c->get($path, headers => { 'If-None-Match' => '"other"' })->status, 200,
    'another ETag');
my $head = $c->head($path);
is($head->status, 200, 'HEAD');
is($head->header('content-length'), length $r->body, 'with the length');
is($c->options($path)->header('allow'), 'GET, HEAD, OPTIONS', 'OPTIONS');
problem_is($c->delete($path), 405, 'method-not-allowed');

# Each domain, each route of its table.

my @operations;
for my $template (sort keys %{ $document->{paths} }) {
    my $item = $document->{paths}{$template};
    push @operations, { path => $template, method => uc, %{ $item->{$_} } }
        for grep { $item->{$_} } qw(get post put patch delete);
}
my %operation = map { ("$_->{method} $_->{path}" => $_) } @operations;

my @missing;
for my $file (glob "$Carmen::Cluster::ROOT/modules/*/*.c") {
    my ($domain) = $file =~ m{modules/(\w+)/};
    next if !$built{$domain} || $domain eq 'core';
    my $text = Carmen::Nginx::slurp($file);
    while ($text =~ /\{\s*CARMEN_(GET|POST|PUT|PATCH|DELETE),\s*"([^"]+)",/g) {
        my ($method, $route) = ($1, $2);
        $route =~ s/:\w+(?=\})//g;
        push @missing, "$method $route" if !$operation{"$method $route"};
    }
}
is("@missing", '', 'every route of every table is in it');

my @wrong = grep { !$_->{operationId} || !@{ $_->{tags} // [] }
    || !length($_->{summary} // '') || !$_->{security}
    || !$_->{responses}{default} } @operations;
is(join(' ', map { "$_->{method} $_->{path}" } @wrong), '',
    'each has an id, a tag, a summary, security and a default answer');

# What a row implies.

for my $operation (@operations) {
    my %named = map { my ($n) = $_->{'$ref'} // '' =~ m{([^/]+)$};
                      (($n // '') =~ s{.*/}{}r => 1) }
        @{ $operation->{parameters} };
    my $responses = $operation->{responses};
    my $name = "$operation->{method} $operation->{path}";
    my @lack;

    push @lack, 'the key\'s problems' if $named{'Idempotency-Key'}
        && $responses->{400}{'$ref'} !~ /idempotency-key-required/;
    push @lack, '428 and 412' if $named{'If-Match'}
        && (!$responses->{428} || !$responses->{412});
    push @lack, '415, 413 and 422' if $operation->{requestBody}
        && grep { !$responses->{$_} } 413, 415, 422;
    push @lack, '404' if $operation->{path} =~ /\{/ && !$responses->{404};
    push @lack, '304' if $operation->{method} eq 'GET' && !$responses->{304};
    push @lack, 'invalid-cursor' if $named{cursor}
        && $responses->{400}{'$ref'} !~ /invalid-cursor/;
    push @lack, '401' if !$responses->{401};
    push @lack, '403' if @{ $operation->{security}[-1]{bearer} }
        && !$responses->{403};
    is("@lack", '', "$name has what its row implies") if @lack;
}

# Now the server is asked, with requests good and bad, and each of its answers
# is held against the document.

my $anyone = '00000000-0000-7000-8000-00000000000a';
my %scope;
$scope{$_} = 1 for map { @{ $_->{security}[-1]{bearer} } } @operations;
my %client = (
    anonymous => $c,
    nobody => $built{auth} && $t->client(sub => $anyone, scope => 'nothing'),
    all => $built{auth} && $t->client(sub => $anyone,
        scope => join ' ', sort keys %scope),
);
my @exchanges;

sub ask
{
    my ($who, $operation, $path, %with) = @_;
    my $client = $client{$who} or return;
    my $r = $client->request($operation->{method}, $path, %with);
    my $type = $r->header('content-type');

    push @exchanges, {
        method => $operation->{method}, path => $operation->{path},
        request => "$who: $operation->{method} $path", status => $r->status,
        type => $type, body => length $r->body && ($type // '') =~ /json/
            ? $r->json : undef,
    };
    return $r;
}

# A value that fits a schema; ids that were seen are used again by name.

my %id = (sku => 'SKU-1', itemId => 'SKU-1', shipNode => 'NODE1',
    id => 'NODE1', locale => 'en');
my ($serial, $key);

sub value
{
    my ($schema, $name, $full) = @_;
    my $type = $schema->{type} // 'string';
    $type = $type->[0] if ref $type;

    return $id{$name} if $id{$name};
    return $schema->{examples}[0] if $schema->{examples};
    return $schema->{enum}[0] if $schema->{enum};
    if ($type eq 'object') {
        my %must = map { $_ => 1 } @{ $schema->{required} // [] };
        my %members = %{ $schema->{properties} // {} };
        return { map { $_ => value($members{$_}, $_, $full) }
            grep { $must{$_} || $full && ($members{$_}{description} // '')
                !~ /Needs the scope/ } keys %members };
    }
    return [map { value($schema->{items}, $name, $full) }
        1 .. ($schema->{minItems} || 1)] if $type eq 'array';
    return $schema->{minimum} // 1 if $type =~ /^(?:integer|number)$/;
    return from_json('true') if $type eq 'boolean';

    my $format = $schema->{format} // '';
    $serial++;
    return $anyone if $format eq 'uuid';
    return '2031-01-02T03:04:05.000Z' if $format eq 'date-time';
    return '2031-01-02' if $format eq 'date';
    return "someone$serial\@example.com" if $format eq 'email';
    return "https://example.com/$serial" if $format eq 'uri';
    return '96385074' if ($schema->{pattern} // '') =~ /12,14/;
    return 'EUR' if ($schema->{pattern} // '') eq '^[A-Z]{3}$';
    my $text = "thing$serial";
    $text .= 'x' while length $text < ($schema->{minLength} // 0);
    return $text;
}

sub learn
{
    my ($node) = @_;
    for my $name (ref $node eq 'HASH' ? keys %$node : ()) {
        $id{$name} = $node->{$name}
            if $name =~ /Id$/ && !ref $node->{$name} && defined $node->{$name};
        learn($_) for ref $node->{$name} eq 'ARRAY' ? @{ $node->{$name} }
            : $node->{$name};
    }
}

sub path
{
    my ($operation) = @_;
    return '/api/v1' . $operation->{path} =~
        s/\{(\w+)\}/$id{$1} \/\/ $anyone/ger;
}

sub body
{
    my ($operation, $full) = @_;
    my $content = $operation->{requestBody}{content} or return ();
    return (json => value($content->{'application/json'}{schema}, '', $full));
}

sub headers
{
    my ($operation, $version) = @_;
    my $takes = join ' ', map { $_->{'$ref'} // '' }
        @{ $operation->{parameters} };
    return ($takes =~ /Idempotency-Key/ ? (key => 'k' . ++$key) : (),
            $takes =~ /If-Match/ ? (match => $version // 1) : ());
}

# First without and with wrong credentials, types, parameters and bodies.

for my $operation (@operations) {
    my $path = path($operation);
    my @body = $operation->{requestBody} ? (json => {}) : ();
    my @must = headers($operation);

    ask('anonymous', $operation, $path, @body, @must);
    ask('nobody', $operation, $path, @body, @must);
    ask('all', $operation, "$path?nonsense=1", @body, @must);
    ask('all', $operation, $path, @must, @body,
        headers => { Accept => 'image/png' });

    if ($operation->{method} eq 'GET') {
        ask('all', $operation, $path);
        ask('all', $operation, "$path?cursor=nonsense&limit=0");
        ask('all', $operation, "$path?cursor=nonsense");
        next;
    }

    ask('all', $operation, $path, @body);
    ask('all', $operation, $path, @body, @must, headers => {
        'Idempotency-Key' => '"', 'If-Match' => '"x"' })
        if @must;
    next if !@body;
    ask('all', $operation, $path, json => {}, @must);
    ask('all', $operation, $path, json => [], @must);
    ask('all', $operation, $path, json => { nonsense => 1 }, @must);
    ask('all', $operation, $path, body => '{"a":1,"a":2}', @must);
    ask('all', $operation, $path, body => '<a/>', type => 'text/xml', @must);
}

# Then as it is meant: make, look, change, delete.

my %order = (POST => 1, GET => 2, PUT => 3, PATCH => 3, DELETE => 5);
my %done;
for my $pass (1 .. 3) {
    my $full = $pass != 2;
    trade() if $pass == 2 && $built{auth} && $built{orders};

    for my $operation (sort { $order{ $a->{method} } <=> $order{ $b->{method} }
                       || length $a->{path} <=> length $b->{path} }
                       @operations) {
        next if $operation->{method} eq 'DELETE' && $pass < 3;

        my $path = path($operation);
        my $version;
        my $get = $operation{"GET $operation->{path}"};
        if ($get && $get != $operation) {
            my $r = ask('all', $get, $path);
            ($version) = ($r->header('etag') // '') =~ /^"(\d+)"$/ if $r;
        }
        my $r = ask('all', $operation, $path, body($operation, $full),
            headers($operation, $version)) or next;
        next if $r->status >= 300;
        $done{"$operation->{method} $operation->{path}"}++;
        learn($r->json) if length $r->body;
    }
}
# What only makes sense one after the other.

sub trade
{
    my @steps = (
        ['POST /products', { name => 'Cup', status => 'active', variants => [
            { sku => 'SKU-2', price => { amount => 950, currency => 'EUR' } }
        ] }],
        ['POST /inventory/adjustments', { reason => 'count', lines => [
            { itemId => 'SKU-2', shipNode => 'NODE1', delta => 50 }] }],
        ['GET /inventory/availability', undef, '?items=SKU-2'],
        ['POST /reservations', { lines => [
            { itemId => 'SKU-2', quantity => 1 }] }],
        ['GET /reservations/{reservationId}'],
        ['POST /reservations/{reservationId}/extend', { expiresIn => 600 }],
        ['POST /reservations/{reservationId}/release'],
        ['POST /orders', { currency => 'EUR', lines => [
            { itemId => 'SKU-2', quantity => 2 }] }],
        ['GET /orders/{orderId}'],
        ['POST /orders/{orderId}/confirm'],
        ['POST /orders/{orderId}/hold'],
        ['POST /orders/{orderId}/release'],
        ['GET /orders/{orderId}/timeline'],
        ['GET /orders'],
        ['GET /inventory'],
        ['POST /orders/{orderId}/cancel', {}],
        ['GET /orders/{orderId}'],
    );

    for my $step (@steps) {
        my ($name, $json, $query) = @$step;
        my $operation = $operation{$name} or next;
        my $r = ask('all', $operation, path($operation) . ($query // ''),
            $operation->{requestBody} ? (json => $json // {}) : (),
            headers($operation));
        ok($r->status < 300, $name) or diag($r->body), next;
        $done{$name}++;
        learn($r->json) if length $r->body;
    }
}

note 'succeeded: ', join ', ', sort keys %done;
note 'never succeeded: ', join ', ', grep { !$done{$_} } sort keys %operation;
cmp_ok(scalar keys %done, '>=', 0.6 * @operations, 'much of it succeeded')
    if $built{auth};

cmp_ok(scalar @exchanges, '>=', $built{auth} ? 4 * @operations : 1,
    'the server was asked: '
    . @exchanges . ' times');

SKIP: {
    my ($npm) = grep { -x } map { "$_/npm" } split /:/, $ENV{PATH};
    skip 'npm is not installed', 1 if !$npm;

    my $dir = "$Carmen::Cluster::ROOT/.build/npm";
    my $source = "$Carmen::Cluster::ROOT/t/openapi";
    my $lock = Carmen::Nginx::slurp("$source/package-lock.json");
    make_path($dir);

    if (Carmen::Nginx::slurp("$dir/installed") ne $lock) {
        copy("$source/$_", "$dir/$_") or die "$source/$_: $!"
            for qw(package.json package-lock.json);
        my $said = `cd '$dir' && '$npm' ci --no-audit --no-fund --ignore-scripts 2>&1`;
        $? == 0 or skip "npm ci: $said", 1;
        Carmen::Token::write_file("$dir/installed", $lock);
    }

    copy("$source/check.mjs", "$dir/check.mjs") or die "check.mjs: $!";
    Carmen::Token::write_file("$dir/document.json", $r->body);
    Carmen::Token::write_file("$dir/exchanges.json", to_json(\@exchanges));

    my $said = `cd '$dir' && node check.mjs document.json exchanges.json 2>&1`;
    my $found = eval { from_json($said) } // [$said];
    ok(!@$found, 'the document is valid, and the server keeps to it')
        or diag(join "\n", @$found > 40 ? (@$found[0 .. 39], '...') : @$found);

    # The check can fail.
    my $first = $operations[0];
    Carmen::Token::write_file("$dir/broken.json", $r->body =~
        s{"schemas":\{}{"schemas":\{"Broken":\{"\$ref":"#/nowhere"\},}r);
    Carmen::Token::write_file("$dir/exchanges.json", to_json([{
        method => $first->{method}, path => $first->{path}, status => 418,
        request => 'a teapot', type => 'text/plain', body => undef }]));
    $said = `cd '$dir' && node check.mjs broken.json exchanges.json 2>&1`;
    like($said, qr/nowhere leads nowhere/, 'a broken reference is found');
    like($said, qr/teapot: status 418/, 'and a status that is not written');
}

done_testing;
