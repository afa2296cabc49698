# Every operation of the OpenAPI document, asked by those who may not: nobody,
# a token without the scope, and a token of another tenant that holds every
# scope and names what this tenant has.  All are refused, learn nothing, and
# change nothing.  A new route joins by being in the document.

use Carmen::Test;

my $PASSWORD = 'correct horse battery staple';
my $MARK = 'only-for-demo';

my $t = Carmen::Test->new(
    main => 'thread_pool passwords threads=2;',
    server => <<'END',
        carmen_auth_bcrypt_cost 4;
        carmen_auth_thread_pool passwords;
END
);
my $anyone = $t->client;
my $document = $anyone->get('/api/v1/openapi.json')->json;

my @operations;
for my $template (sort keys %{ $document->{paths} }) {
    my $item = $document->{paths}{$template};
    push @operations, { path => $template, method => uc, %{ $item->{$_} },
                        name => uc() . " $template" }
        for grep { $item->{$_} } qw(get post put patch delete);
}
my %operation = map { ($_->{name} => $_) } @operations;
cmp_ok(scalar @operations, '>', 60, 'operations: ' . @operations);

# security: [{}, ...] lets everybody in; the scopes are those of the last one.

sub public { grep { !%$_ } @{ $_[0]{security} } or !@{ $_[0]{security} } }
sub scopes { map { @$_ } map { values %$_ } $_[0]{security}[-1] // () }

my %scope;
$scope{$_} = 1 for map { scopes($_) } @operations;
my $all = join ' ', sort keys %scope;


# What the first tenant has.  An operation that makes something is carried out
# by its administrator, and what it answers is remembered: by the template of
# the path below it, and by name.

my %id = (sku => 'SKU-1', itemId => 'SKU-1', shipNode => 'NODE1',
          id => 'NODE1', locale => 'en');
my (%made, %version, $serial);

my $hash = crypt $PASSWORD, '$2b$04$abcdefghijklmnopqrstuu';
my $admin_id = $t->sql('SELECT core.uuid7()');
$t->sql(q{SELECT auth.credential_create('demo', ?, 'admin@example.com', ?,
    '{admin}')}, $admin_id, $hash);
my $admin = $t->client(sub => $admin_id, scope => $all);


sub value
{
    my ($schema, $name, $text, $full) = @_;
    my $type = $schema->{type} // 'string';
    $type = $type->[0] if ref $type;

    return $id{$name} if $id{$name};
    return $schema->{enum}[0] if $schema->{enum};
    if ($type eq 'object') {
        my %must = map { $_ => 1 } @{ $schema->{required} // [] };
        my %members = %{ $schema->{properties} // {} };
        return { map { $_ => value($members{$_}, $_, $text, $full) }
            grep { $must{$_} || $full && ($members{$_}{description} // '')
                !~ /Needs the scope/ } keys %members };
    }
    return [map { value($schema->{items}, $name, $text, $full) }
        1 .. ($schema->{minItems} || 1)] if $type eq 'array';
    return $schema->{minimum} // 1 if $type =~ /^(?:integer|number)$/;
    return from_json('true') if $type eq 'boolean';

    my $format = $schema->{format} // '';
    $serial++;
    return $admin_id if $format eq 'uuid';
    return '2031-01-02T03:04:05.000Z' if $format eq 'date-time';
    return '2031-01-02' if $format eq 'date';
    return "$text$serial\@example.com" if $format eq 'email';
    return "https://example.com/$text$serial" if $format eq 'uri';
    return $schema->{examples}[0] if $schema->{pattern} && $schema->{examples};
    return '96385074' if ($schema->{pattern} // '') =~ /12,14/;
    return 'EUR' if ($schema->{pattern} // '') eq '^[A-Z]{3}$';
    return $schema->{examples}[0]
        if $schema->{examples} && ($schema->{maxLength} // 99) < 32;
    my $value = "$text-$serial";
    $value .= 'x' while length $value < ($schema->{minLength} // 0);
    return $value;
}


sub body
{
    my ($operation, $text, $full) = @_;
    my $content = $operation->{requestBody}{content} or return ();
    my ($type) = grep { /json/ } sort keys %$content;
    return () if !$type;
    return (json => value($content->{$type}{schema}, '', $text, $full),
            $type ne 'application/json' ? (type => $type) : ());
}


sub with
{
    my ($operation, $path) = @_;
    my $takes = join ' ', map { ($_->{'$ref'} // '') . ' '
        . ($_->{name} // '') } @{ $operation->{parameters} };
    return ($takes =~ /Idempotency-Key/ ? (key => 'k' . ++$serial) : (),
            $takes =~ /If-Match/ ? (match => $version{$path} // 1) : ());
}


# Required parameters of a query.

sub query
{
    my ($operation) = @_;
    my @pairs = map { "$_->{name}=" . value($_->{schema}, $_->{name}, 'q') }
        grep { ($_->{in} // '') eq 'query' && $_->{required} }
        @{ $operation->{parameters} };
    return @pairs ? '?' . join '&', @pairs : '';
}


# The path with what there is: how many of its parameters are of the tenant.

sub path
{
    my ($operation) = @_;
    my ($path, $template) = ('/api/v1', '');

    for my $part (split m{/}, $operation->{path} =~ s{^/}{}r) {
        $template .= "/$part";
        $part =~ s/^\{(\w+)\}/$made{$template} \/\/ $id{$1} \/\/ $admin_id/e;
        $path .= "/$part";
    }
    return $path;
}


sub learn
{
    my ($node) = @_;
    for my $name (ref $node eq 'HASH' ? sort keys %$node : ()) {
        $id{$name} //= $node->{$name}
            if $name =~ /Id$/ && !ref $node->{$name};
        learn($_) for ref $node->{$name} eq 'ARRAY' ? @{ $node->{$name} }
            : $node->{$name};
    }
}


sub make
{
    my ($operation, @body) = @_;
    my $path = path($operation);
    my $r = $admin->request($operation->{method}, $path . query($operation),
        @body ? @body : body($operation, $MARK, 1), with($operation, $path));

    $r = $admin->request($operation->{method}, $path . query($operation),
        body($operation, $MARK, 0), with($operation, $path))
        if $r->status == 422 && !@body;
    return $r if $r->status >= 300;

    learn($r->json) if length $r->body;
    if (($r->header('location') // '') =~ m{([^/]+)$}) {
        my $last = $1;
        my ($below) = grep { m{^\Q$operation->{path}\E/\{\w+\}$} }
            keys %{ $document->{paths} };
        $made{$below} //= $last if $below;
    }
    return $r;
}

# A person with a session, whose names are kept.

my $r = $admin->post('/api/v1/users', key => 'person', json => {
    email => "$MARK\@example.com", password => $PASSWORD,
    displayName => $MARK });
is($r->status, 201, 'a person') or diag($r->body);
$id{userId} = $r->json->{userId};
$r = $anyone->post('/api/v1/auth/login', json => {
    email => "$MARK\@example.com", password => $PASSWORD });
is($r->status, 200, 'and a session') or diag($r->body);
$id{sessionId} = $t->sql('SELECT session_id FROM auth.session');

my %quiet = map { $_ => 1 } 'POST /auth/login', 'POST /auth/refresh',
    'POST /auth/logout', 'POST /users';
for (1 .. 2) {
    for my $operation (sort { length $a->{path} <=> length $b->{path} }
                       @operations) {
        next if $operation->{method} ne 'POST' || $quiet{ $operation->{name} }
            || $operation->{path} =~ m{\}/(?:revoke|delete|erase|archive)$}
            || $operation->{path} =~ m{/revoke$};
        make($operation);
    }
}
make($operation{"$_->[0]"}, json => $_->[1]) for grep { $operation{ $_->[0] } }
    ['POST /products', { name => "$MARK cup", status => 'active',
        variants => [{ sku => 'SKU-2', price =>
            { amount => 950, currency => 'EUR' } }] }],
    ['POST /inventory/adjustments', { reason => 'count', lines => [
        { itemId => 'SKU-1', shipNode => 'NODE1', delta => 50 },
        { itemId => 'SKU-2', shipNode => 'NODE1', delta => 50 }] }],
    ['POST /reservations', { lines => [
        { itemId => 'SKU-2', quantity => 1 }] }],
    ['POST /orders', { currency => 'EUR', lines => [
        { itemId => 'SKU-2', quantity => 2 }] }];

# What the tenant's own administrator sees there: else a 404 would prove
# nothing.

my (@there, @lacking);
for my $operation (grep { $_->{method} eq 'GET' && $_->{path} =~ /\{/ }
                   @operations) {
    my $path = path($operation);
    my $r = $admin->get($path . query($operation));
    push @{ $r->status == 200 ? \@there : \@lacking }, $operation->{path};
    $version{$path} = $r->version if $r->status == 200;
}
note "not made: @lacking" if @lacking;
cmp_ok(scalar @there, '>=', 0.8 * (@there + @lacking),
    'things that are there: ' . @there);


# All rows of the tenant, and the marks of what is revoked.

my @tables = $t->sql(q{
    SELECT c.oid::regclass::text FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\_%'
       AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid
                      AND a.attname = 'tenant' AND NOT a.attisdropped)
     ORDER BY 1});
cmp_ok(scalar @tables, '>=', 25, 'tables: ' . @tables);
my $snapshot = join ' UNION ALL ',
    (map { "SELECT '$_', md5(string_agg(x::text, '|' ORDER BY x::text))
            FROM $_ x WHERE tenant = 'demo'" } @tables),
    "SELECT 'auth.revocation', md5(string_agg(x::text, '|' ORDER BY x::text))
       FROM auth.revocation x";

sub rows
{
    return { map { ($_->[0] => $_->[1] // '') }
        @{ $t->database->dbh->selectall_arrayref($snapshot) } };
}

my $before = rows();
my %problems;

sub wrong { push @{ $problems{ $_[0]{name} } }, $_[1] }

sub ask
{
    my ($who, $client, $operation, @body) = @_;
    my $path = path($operation);
    my $r = $client->request($operation->{method}, $path . query($operation),
                             @body, with($operation, $path));

    my $after = rows();
    my @changed = grep { $before->{$_} ne $after->{$_} } sort keys %$after;
    wrong($operation, "$who: " . $r->status . " changed @changed")
        if @changed;
    $before = $after;

    my $told = $r->head . $r->body;
    wrong($operation, "$who: " . $r->status . " tells: $told")
        if $told =~ /\Q$MARK\E/;
    return $r;
}

# A PUT that makes what is not there answers 412 to If-Match: then it must
# answer the same for a name that nobody has.

sub unheard_of
{
    my ($client, $operation) = @_;
    my $path = path($operation) =~ s{[^/]+$}{NOBODY-HAS-IT}r;
    my $r = $client->request('PUT', $path, body($operation, 'stranger', 0),
                             with($operation, $path));
    return $r->status;
}

my $stranger_id = $id{userId};
my %client = (
    unscoped => $t->client(sub => $admin_id, scope => 'nothing'),
    stranger => $t->client(sub => $stranger_id, tenant => 'acme',
        scope => $all, sid => $id{sessionId}),
    visitor => $t->client(sub => $t->sql('SELECT core.uuid7()'),
        tenant => 'acme', scope => $all),
);
my %asked;

# First what names something: whoever has a thing of the same name is asked
# for his own.

for my $operation (sort { ($b->{path} =~ /\{/) <=> ($a->{path} =~ /\{/) }
                   grep { !public($_) } @operations)
{
    my @body = body($operation, 'stranger', 0);
    my $r = ask('anonymous', $anyone, $operation, @body);
    wrong($operation, 'anonymous: ' . $r->status) if $r->status != 401;
    $asked{anonymous}++;

    if (scopes($operation)) {
        $r = ask('unscoped', $client{unscoped}, $operation, @body);
        wrong($operation, 'unscoped: ' . $r->status) if $r->status != 403;
        $asked{unscoped}++;
    }

    # The second is nobody of this tenant; without an id of this tenant in
    # the path he does as he likes in his own.
    for my $who (qw(stranger visitor)) {
        for my $full (0, 1) {
            last if $full && !@body;
            $r = ask($who, $client{$who}, $operation,
                     body($operation, 'stranger', $full));
            $asked{$who}++;
            next if $operation->{path} !~ /\{/;

            my $items = $r->status == 200 && $operation->{method} eq 'GET'
                && ref $r->json eq 'HASH' ? $r->json->{items} : undef;
            next if $items && !@$items;
            next if $full && $r->status == 422;
            next if $r->status == 412 && $operation->{method} eq 'PUT'
                && unheard_of($client{$who}, $operation) == 412;
            wrong($operation, "$who: " . $r->status . ' ' . $r->body)
                if $r->status !~ /^40[134]$/;
        }
    }
}

is(join("\n", map { my $name = $_; map { "$name: $_" } @{ $problems{$_} } }
   sort keys %problems), '', 'nobody gets anywhere');
note join ', ', map { "$_: $asked{$_}" } sort keys %asked;

# The check can fail: the administrator's own requests are found out.

%problems = ();
ask('self', $admin, $operation{'GET /users/{userId}'});
ask('self', $admin, $operation{'POST /users/{userId}/suspend'});
like($problems{'GET /users/{userId}'}[0], qr/^self: 200 tells/,
    'what tells is found');
like($problems{'POST /users/{userId}/suspend'}[0],
    qr/^self: 200 changed .*users\."user"/, 'and what changes');

cmp_ok($asked{anonymous}, '>=', 0.8 * @operations, 'almost all were asked');

done_testing;
